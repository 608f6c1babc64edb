//! What a container sees of the machine.

use crate::support::{isolations, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_sees_nothing_of_the_machine_that_is_not_its_own() {
    for isolation in isolations() {
        let host = start(isolation).await;
        host.api.shell("a", "sleep 60").await;
        let sh = async |script: &str| host.api.sh("a", script).await;

        // The checkout, the user's home, the engine's state, other processes.
        for path in [
            env!("CARGO_MANIFEST_DIR"),
            &std::env::var("HOME").unwrap_or("/home/nobody-here".into()),
            host.state.path().to_str().unwrap(),
        ] {
            let listing = sh(&format!("ls -A {path} 2>/dev/null || true")).await;
            assert_eq!(listing, "", "{path} must be empty or missing");
        }
        assert_eq!(
            sh("ls /home /mnt /srv /media /boot /sys 2>/dev/null || true")
                .await
                .trim(),
            "/home:\nopenclaw"
        );
        let processes = sh("ls /proc | grep -c '^[0-9]'").await;
        assert!(processes.trim().parse::<u32>().unwrap() <= 5, "{processes}");
        assert_eq!(
            sh("cat /proc/1/cmdline | tr '\\0' ' '").await,
            "/bin/sh -c sleep 60 "
        );

        // The environment is what was given; users are the image's.
        let mut env = sh("tr '\\0' '\\n' < /proc/1/environ | cut -d= -f1 | sort").await;
        env.retain(|c| c != '\r');
        assert_eq!(env, "FROM_IMAGE\nHOME\nHOSTNAME\nPATH\n");
        assert_eq!(
            sh("cut -d: -f1 /etc/passwd").await,
            "root\nopenclaw\nnobody\n"
        );
        assert_eq!(sh("cat /etc/resolv.conf").await, "");

        // Programs and settings of the machine cannot be written.
        for path in [
            "/usr/bin/x",
            "/usr/lib/x",
            "/etc/hosts",
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
        ] {
            let script = format!("(echo x > {path}) 2>/dev/null && echo written || echo refused");
            assert_eq!(sh(&script).await, "refused\n", "{path}");
        }
        assert_eq!(sh("mount -t tmpfs none /mnt 2>/dev/null || mknod /tmp/sda b 8 0 2>/dev/null && echo made || echo refused").await, "refused\n");
        let status = sh("grep -E 'NoNewPrivs|CapBnd|CapInh' /proc/self/status").await;
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("CapInh:\t0000000000000000"), "{status}");
        assert!(status.contains("CapBnd:\t00000000a00405fb"), "{status}");

        // What it needs is there.
        sh("test -c /dev/null && test -w /tmp && test -w /data && test -w /run && test -w /dev/shm && test -c /dev/ptmx").await;
        host.finish().await;
    }
}
