use super::*;

#[test]
fn docker_names_are_normalised() {
    let reference: Reference = "ubuntu".parse().unwrap();
    assert_eq!(reference.to_string(), "docker.io/library/ubuntu");
}
