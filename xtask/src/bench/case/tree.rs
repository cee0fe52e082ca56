//! Many repositories of one file each, as the layout `tree` has them.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, entries, noise};
use super::super::servers::Nginx;

const SIZE: usize = 4 << 10;

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let count = lab.amount(2000, 500, 10);
    let place = lab.scratch("tree")?;
    let files = place.join("files");
    noise(&files, count, SIZE)?;
    let (mut names, mut manifests, mut blobs) = (String::new(), String::new(), String::new());
    let paths = entries(&files)?;
    let sums =
        super::super::bridged::sums(lab, &paths.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    let host = {
        let root = place.join("root");
        for (number, (path, sum)) in paths.iter().zip(&sums).enumerate() {
            let _ = writeln!(names, "bench/tree/{number}");
            let v2 = root.join(format!("v2/bench/tree/{number}"));
            fs::create_dir_all(v2.join("blobs"))?;
            fs::create_dir_all(v2.join("manifests"))?;
            fs::rename(path, v2.join(format!("blobs/sha256:{sum}")))?;
            fs::write(v2.join("manifests/latest"), manifest(sum))?;
        }
        Host::nginx(Nginx::start(lab, &root, &[])?)
    };
    for (number, sum) in sums.iter().enumerate() {
        let base = format!("http://{}/v2/bench/tree/{number}", host.host);
        let _ = writeln!(
            manifests,
            "url = \"{base}/manifests/latest\"\noutput = \"m{number}\""
        );
        let _ = writeln!(
            blobs,
            "url = \"{base}/blobs/sha256:{sum}\"\noutput = \"{number}\""
        );
    }
    let (list, curls) = (place.join("names"), place.join("curl"));
    fs::write(&list, names)?;
    fs::write(&curls, manifests + &blobs)?;
    let times = lab.amount(5, 2, 1);
    let measured = |command: &dyn Fn(&Path) -> Command| {
        host.asked(times, || {
            let to = lab.scratch("pulled")?;
            lab.cost(&command(to.path()))
        })
    };
    let library = |program: &Path| {
        measured(&|to| {
            let mut command = Command::new(program);
            command.args(["tree", &host.host]).arg(&list).arg(to);
            command
        })
    };
    let mut contenders = vec![
        Contender::new("ocirepo", || library(&lab.helper("client"))),
        Contender::new("curl -Z", || {
            measured(&|to| {
                let mut command = Command::new("curl");
                command
                    .args(["--silent", "--fail", "--parallel", "--parallel-max", "16"])
                    .arg("--config")
                    .arg(&curls)
                    .current_dir(to);
                command
            })
        }),
    ];
    if let Some(peer) = lab.peer("oci-client") {
        contenders.push(Contender::new("oci-client", move || library(&peer)));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!("{count} repositories of one file, from nginx");
    let finding = Finding::new(title, series).note(
        "The manifest at `latest` and its first layer. curl knows the digests beforehand, and \
         verifies nothing; the others learn them from the manifests, and verify.",
    );
    let requests = finding.most("ocirepo").requests;
    Ok(vec![
        finding
            .ratio(Of::Cpu, "ocirepo", &["curl -Z"], Some(1.5))
            .ratio(Of::Wall, "ocirepo", &["curl -Z"], None)
            .ratio(Of::Cpu, "oci-client", &["curl -Z"], None)
            .count("requests of ocirepo", requests, 2 * count as u64),
    ])
}

/// The manifest of an artifact of one file.
fn manifest(sum: &str) -> String {
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\
         \"digest\":\"sha256:{empty}\",\"size\":2}},\
         \"layers\":[{{\"mediaType\":\"application/octet-stream\",\
         \"digest\":\"sha256:{sum}\",\"size\":{SIZE}}}]}}"
    )
}
