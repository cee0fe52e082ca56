//! Many small blobs of one repository.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, NAME, Published, TAG, oras};

const SIZE: usize = 20 << 10;

const LIBREPO: &str = "\
import sys, librepo
base, to, names = sys.argv[1], sys.argv[2], open(sys.argv[3]).read().split()
handle = librepo.Handle()
handle.setopt(librepo.LRO_URLS, [base])
handle.setopt(librepo.LRO_REPOTYPE, librepo.LR_YUMREPO)
handle.setopt(librepo.LRO_MAXPARALLELDOWNLOADS, 16)
targets = [librepo.PackageTarget('blobs/' + name, handle=handle, dest=to + '/' + str(number),
           checksum_type=librepo.SHA256, checksum=name.split(':')[1])
           for number, name in enumerate(names)]
librepo.download_packages(targets)
failed = [target.err for target in targets if target.err]
if failed:
    sys.exit(str(failed[0]))
";

const ORAS: &str = "\
import sys, oras.client
client = oras.client.OrasClient(insecure=True)
client.pull(target=sys.argv[1], outdir=sys.argv[2])
";

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let count = lab.amount(1000, 1000, 20);
    let published = Published::start(lab, count, SIZE)?;
    let mut found = vec![from(lab, &published.nginx, &published.digests)?];
    if let Some(ferro) = &published.ferro {
        found.push(from(lab, ferro, &published.digests)?);
    }
    Ok(found)
}

fn from(lab: &Lab, host: &Host, digests: &[String]) -> io::Result<Finding> {
    let times = lab.amount(20, 3, 1);
    let lists = lab.scratch("lists")?;
    let base = format!("http://{}/v2/{NAME}", host.host);
    let image = format!("{}/{NAME}:{TAG}", host.host);
    let mut list = format!("url = \"{base}/manifests/{TAG}\"\noutput = \"manifest\"\n");
    for (number, digest) in digests.iter().enumerate() {
        let _ = writeln!(
            list,
            "url = \"{base}/blobs/{digest}\"\noutput = \"{number}\""
        );
    }
    let (curls, names) = (lists.join("curl"), lists.join("names"));
    fs::write(&curls, list)?;
    fs::write(&names, digests.join("\n"))?;
    let measured = |command: &dyn Fn(&Path) -> Command| {
        host.asked(times, || {
            let to = lab.scratch("blobs")?;
            let sample = lab.cost(&command(to.path()))?;
            let got = fs::read_dir(to.path())?.count();
            if got < digests.len() {
                let count = digests.len();
                return Err(io::Error::other(format!("{got} of {count} blobs came")));
            }
            Ok(sample)
        })
    };
    let library = |program: &Path| {
        let command = |to: &Path| {
            let mut command = Command::new(program);
            command.args(["blobs", &image]).arg(to);
            command
        };
        measured(&command)
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
        Contender::new("librepo", || {
            measured(&|to| {
                let mut command = Command::new("/usr/bin/python3");
                command.args(["-c", LIBREPO, &base]).arg(to).arg(&names);
                command
            })
        }),
    ];
    if let Some(peer) = lab.peer("oci-client") {
        contenders.push(Contender::new("oci-client", move || library(&peer)));
        // So slow that once is enough for a round.
        contenders.push(Contender::new("oras (Python)", || {
            let to = lab.scratch("oras")?;
            let directory = to.path().to_string_lossy();
            let command = oras(lab, ORAS, &[&image, &directory], to.path());
            host.asked(1, || lab.cost(&command))
        }));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let count = digests.len();
    let title = format!("{count} blobs of {} KiB from {}", SIZE >> 10, host.name);
    let finding = Finding::new(title, series).note(format!(
        "Each into a file; {times} repetitions a sample. ocirepo, oci-client and librepo verify; \
         curl and the Python oras client do not. Sixteen transfers at a time, oras one."
    ));
    let requests = finding.most("ocirepo").requests;
    let finding = finding
        .ratio(Of::Cpu, "ocirepo", &["curl -Z"], Some(1.8))
        .ratio(Of::Wall, "ocirepo", &["curl -Z"], Some(1.5))
        .ratio(Of::Wall, "ocirepo", &["librepo"], Some(1.0))
        .ratio(Of::Cpu, "oci-client", &["curl -Z"], None)
        .ratio(Of::Wall, "oci-client", &["curl -Z"], None)
        .ratio(Of::Wall, "librepo", &["curl -Z"], None)
        .ratio(Of::Wall, "oras (Python)", &["curl -Z"], None);
    Ok(match requests {
        0 => finding,
        _ => finding.count("requests of ocirepo", requests, count as u64 + 1),
    })
}
