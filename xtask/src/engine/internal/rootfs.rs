//! The file system a container sees.
//!
//! The machine's programs and libraries read-only, the image's own files
//! read-only, a /data that outlives the instance, and memory for the rest.
//! Nothing else of the machine: no home, no checkout, none of its /etc but
//! what programs need to start and to verify certificates.

use std::fs::{self, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};

use super::{Context, Failure};
use crate::engine::spec::{Bind, ContainerSpec, Isolation, USERS};

/// Parts of the machine a container shares, when they exist. `/usr/local` is
/// left out: it belongs to the image.
const SHARED: [&str; 14] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/libexec",
    "/usr/share",
];

/// Configuration without which the shared programs do not work.
const SHARED_CONFIGURATION: [&str; 6] = [
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/pki",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// Kernel settings and secrets, as Docker hides them from its containers.
const PROC_READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
const PROC_HIDDEN: [&str; 8] = [
    "acpi",
    "asound",
    "interrupts",
    "kcore",
    "keys",
    "latency_stats",
    "scsi",
    "timer_list",
];

const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Builds the root over the instance's staging directory and moves into it.
pub(super) fn build(spec: &ContainerSpec) -> std::result::Result<(), Failure> {
    // Nothing mounted from here on may show outside.
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .doing("make the mounts private")?;
    let root = Root {
        path: &spec.staging,
        isolation: spec.isolation,
    };
    root.memory("/", "0755", "512m").doing("mount /")?;
    for (path, mode, size) in [("/tmp", "1777", "50%"), ("/run", "0755", "64m")] {
        root.memory(path, mode, size).doing(path)?;
    }
    for path in SHARED.iter().chain(&SHARED_CONFIGURATION) {
        root.share(Path::new(path)).doing(path)?;
    }
    root.configuration(spec).doing("write /etc")?;
    root.processes().doing("mount /proc")?;
    root.devices().doing("mount /dev")?;
    let data = Path::new("/data");
    root.bind(&spec.data, data, MountFlags::empty())
        .doing("mount /data")?;
    for Bind { source, target } in &spec.binds {
        root.bind(source, target, MountFlags::RDONLY)
            .map_err(|error| Failure::new(&format!("mount {}", target.display()), error))?;
    }
    enter(&spec.staging).doing("enter the container's root")
}

/// Makes `path` the root and lets go of the machine's.
fn enter(path: &Path) -> Result<()> {
    std::env::set_current_dir(path)?;
    // The old root ends up under the new one's own mount point, from where
    // it is taken off: no directory for it is needed.
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

struct Root<'a> {
    path: &'a Path,
    isolation: Isolation,
}

impl Root<'_> {
    /// Where a path of the container is while its root is being built.
    fn at(&self, path: &Path) -> PathBuf {
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn memory(&self, path: &str, mode: &str, size: &str) -> Result<()> {
        let target = self.at(Path::new(path));
        fs::create_dir_all(&target)?;
        let options = std::ffi::CString::new(format!("mode={mode},size={size}"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        Ok(mount("tmpfs", &target, "tmpfs", flags, options.as_c_str())?)
    }

    /// Shows a path of the machine at the same place, if it exists. A link
    /// (/bin on a merged-usr system) stays a link.
    fn share(&self, path: &Path) -> Result<()> {
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(metadata) if metadata.is_symlink() => {
                let link = self.at(path);
                if let Some(parent) = link.parent() {
                    fs::create_dir_all(parent)?;
                }
                symlink(fs::read_link(path)?, link)
            }
            Ok(_) => self.bind(path, path, MountFlags::RDONLY),
        }
    }

    /// Shows `source` at `target`, without devices or set-user-id programs.
    fn bind(&self, source: &Path, target: &Path, flags: MountFlags) -> Result<()> {
        let metadata = source
            .metadata()
            .map_err(|error| Error::new(error.kind(), format!("{}: {error}", source.display())))?;
        let target = self.at(target);
        if metadata.is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            if !target.exists() {
                fs::write(&target, "")?;
            }
        }
        // In a user namespace a tree comes whole or not at all.
        match self.isolation {
            Isolation::UserNamespaces => mount_bind_recursive(source, &target)?,
            Isolation::Namespaces | Isolation::None => mount_bind(source, &target)?,
        }
        // A bind takes its flags in a second step, and a user namespace must
        // keep those the machine has set.
        let kept = statvfs(&target)?.f_flag;
        let mut flags = flags | MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
        for (has, keep) in [
            (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
            (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
            (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
            (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
            (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
        ] {
            if kept.contains(has) {
                flags |= keep;
            }
        }
        Ok(mount_remount(&target, flags, "")?)
    }

    fn configuration(&self, spec: &ContainerSpec) -> Result<()> {
        let line = |(name, uid, gid, home, shell): &(&str, u32, u32, &str, &str)| {
            format!("{name}:x:{uid}:{gid}:{name}:{home}:{shell}\n")
        };
        let group =
            |(name, _, gid, ..): &(&str, u32, u32, &str, &str)| format!("{name}:x:{gid}:\n");
        let files = [
            ("/etc/passwd", USERS.iter().map(line).collect::<String>()),
            ("/etc/group", USERS.iter().map(group).collect::<String>()),
            ("/etc/hostname", format!("{}\n", spec.hostname)),
            // Names are in /etc/hosts or nowhere: there is no network to ask.
            ("/etc/resolv.conf", String::new()),
            (
                "/etc/nsswitch.conf",
                "passwd: files\ngroup: files\nhosts: files\n".into(),
            ),
            (
                "/etc/os-release",
                "ID=tedix-openclaw\nNAME=\"tedix-claw container\"\n".into(),
            ),
        ];
        for (path, text) in files {
            fs::write(self.at(Path::new(path)), text)?;
        }
        self.bind(
            &spec.hosts_file,
            Path::new("/etc/hosts"),
            MountFlags::RDONLY,
        )?;

        fs::create_dir_all(self.at(Path::new("/usr/local/bin")))?;
        let temporary = self.at(Path::new("/var/tmp"));
        fs::create_dir_all(&temporary)?;
        fs::set_permissions(&temporary, Permissions::from_mode(0o1777))?;
        for (_, uid, gid, home, _) in USERS {
            if home == "/nonexistent" {
                continue;
            }
            let home = self.at(Path::new(home));
            fs::create_dir_all(&home)?;
            fs::set_permissions(&home, Permissions::from_mode(0o700))?;
            // Only root's own id exists in a user namespace.
            if self.isolation == Isolation::Namespaces {
                chown(&home, Some(uid), Some(gid))?;
            }
        }
        Ok(())
    }

    fn processes(&self) -> Result<()> {
        let proc = self.at(Path::new("/proc"));
        fs::create_dir_all(&proc)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("proc", &proc, "proc", flags, None)?;
        for name in PROC_READ_ONLY {
            let path = proc.join(name);
            if path.exists() {
                mount_bind_recursive(&path, &path)?;
                mount_remount(&path, flags | MountFlags::BIND | MountFlags::RDONLY, "")?;
            }
        }
        for name in PROC_HIDDEN {
            let path = proc.join(name);
            match path.metadata() {
                Err(_) => {}
                Ok(metadata) if metadata.is_dir() => {
                    mount(
                        "tmpfs",
                        &path,
                        "tmpfs",
                        flags | MountFlags::RDONLY,
                        c"size=0",
                    )?;
                }
                Ok(_) => mount_bind("/dev/null", &path)?,
            }
        }
        Ok(())
    }

    fn devices(&self) -> Result<()> {
        self.memory("/dev", "0755", "64k")?;
        self.memory("/dev/shm", "1777", "256m")?;
        let dev = self.at(Path::new("/dev"));
        for name in DEVICES {
            let target = dev.join(name);
            fs::write(&target, "")?;
            mount_bind(Path::new("/dev").join(name), &target)?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("ptmx", "pts/ptmx"),
        ] {
            symlink(target, dev.join(name))?;
        }
        // Terminals of the container's own.
        let pts = dev.join("pts");
        fs::create_dir(&pts)?;
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        Ok(mount(
            "devpts",
            &pts,
            "devpts",
            flags,
            c"newinstance,ptmxmode=0666,mode=0620",
        )?)
    }
}
