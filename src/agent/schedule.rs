//! When the agent runs: an interval, a host's own place in it, and the systemd units and the cron line that say so.
//!
//! The place is a hash of the cluster's and the host's name. systemd could choose one too (`FixedRandomDelay=` of version
//! 247), but by the machine id, which cloned machines share, and cron could not: here both run at the same second, every
//! time, and a test can say which.

use std::str::FromStr;

use jiff::SignedDuration;

use crate::name::{ClusterName, Digest, HostName, HostPath};

/// The service that runs once.
pub const SERVICE: &str = "rmqgit-sync.service";
/// The timer that starts it.
pub const TIMER: &str = "rmqgit-sync.timer";
/// The first words of every file that is written here; a file without them is somebody else's.
pub const MARK: &str = "# Written by `rmqgit agent install`";

/// What starts the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// A systemd timer.
    Timer,
    /// A file of cron.d.
    Cron,
}

/// The time between two runs: minutes that divide an hour, or hours that divide a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    minutes: u32,
}

/// Says why a text is no interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an interval is 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8, 12 or 24 hours, such as `5m`"
)]
pub struct IntervalError;

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let length: SignedDuration = text.parse().map_err(|_| IntervalError)?;
        let minutes = u32::try_from(length.as_mins()).map_err(|_| IntervalError)?;
        let whole = SignedDuration::from_mins(minutes.into()) == length;
        // Other intervals would leave a gap at the end of each hour or day.
        let even = match minutes {
            0 => false,
            1..60 => 60 % minutes == 0,
            _ => minutes % 60 == 0 && minutes <= 1440 && 1440 % minutes == 0,
        };
        if whole && even { Ok(Self { minutes }) } else { Err(IntervalError) }
    }
}

impl Interval {
    /// Says how often, such as `every 5 minutes`.
    pub fn words(self) -> String {
        match (self.minutes, self.minutes / 60) {
            (1, _) => "every minute".to_owned(),
            (minutes, 0) => format!("every {minutes} minutes"),
            (_, 1) => "every hour".to_owned(),
            (_, hours) => format!("every {hours} hours"),
        }
    }
}

/// When one host's agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    interval: Interval,
    /// The seconds from the interval's begin to the run.
    offset: u32,
}

/// One file that starts the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarterFile {
    /// Where it stands.
    pub path: HostPath,
    /// What it says.
    pub text: String,
}

/// Returns where the files of a starter stand.
pub fn paths(starter: Starter) -> Vec<HostPath> {
    let paths: &[&str] = match starter {
        Starter::Timer => &["/etc/systemd/system/rmqgit-sync.service", "/etc/systemd/system/rmqgit-sync.timer"],
        Starter::Cron => &["/etc/cron.d/rmqgit"],
    };
    paths.iter().map(|path| HostPath::parse(path).expect("the constants are paths")).collect()
}

impl Schedule {
    /// Finds a host's place in the interval.
    pub fn new(interval: Interval, cluster: &ClusterName, host: &HostName) -> Self {
        let digest = Digest::of(format!("{cluster}/{host}").as_bytes()).to_string();
        let number = u64::from_str_radix(&digest[..16], 16).expect("a digest is hexadecimal");
        let offset = number % (u64::from(interval.minutes) * 60);
        Self { interval, offset: u32::try_from(offset).expect("an interval is at most a day") }
    }

    /// How often.
    pub fn interval(self) -> Interval {
        self.interval
    }

    fn clock(self) -> (u32, u32, u32) {
        (self.offset / 3600, self.offset / 60 % 60, self.offset % 60)
    }

    /// Returns the systemd calendar expression, in UTC: an hour that a change of summer time skips or repeats has none
    /// too few and none too many runs.
    pub fn calendar(self) -> String {
        let (hour, minute, second) = self.clock();
        match (self.interval.minutes, self.interval.minutes / 60) {
            (1, _) => format!("*:*:{second:02} UTC"),
            (every, 0) => format!("*:{minute:02}/{every}:{second:02} UTC"),
            (_, 1) => format!("*:{minute:02}:{second:02} UTC"),
            (_, 24) => format!("{hour:02}:{minute:02}:{second:02} UTC"),
            (_, every) => format!("{hour:02}/{every}:{minute:02}:{second:02} UTC"),
        }
    }

    /// Returns the five fields of cron, and the seconds to wait after them: cron knows no seconds.
    pub fn cron(self) -> (String, u32) {
        let (hour, minute, second) = self.clock();
        let fields = match (self.interval.minutes, self.interval.minutes / 60) {
            (1, _) => "* * * * *".to_owned(),
            (every, 0) => format!("{minute}-59/{every} * * * *"),
            (_, 1) => format!("{minute} * * * *"),
            (_, 24) => format!("{minute} {hour} * * *"),
            (_, every) => format!("{minute} {hour}-23/{every} * * *"),
        };
        (fields, second)
    }

    /// Returns the files that start `program sync` on this schedule. The program is a path of plain characters: neither
    /// systemd nor cron finds a specifier in it.
    pub fn files(self, starter: Starter, program: &HostPath) -> Vec<StarterFile> {
        let texts = match starter {
            Starter::Timer => vec![service(program), self.timer()],
            Starter::Cron => vec![self.cron_file(program)],
        };
        paths(starter).into_iter().zip(texts).map(|(path, text)| StarterFile { path, text }).collect()
    }

    fn timer(self) -> String {
        let (often, calendar) = (self.interval.words(), self.calendar());
        format!(
            "{MARK}, which replaces it; change it with `systemctl edit {TIMER}`.
[Unit]
Description=rmqgit: look after this host {often}

[Timer]
# The second is the host's own, made of its name, so that a fleet does not ask its Git server all at once.
OnCalendar={calendar}
AccuracySec=1s
# A host that was off looks after itself when it starts, not up to {interval} later.
Persistent=true

[Install]
WantedBy=timers.target
",
            interval = often.trim_start_matches("every "),
        )
    }

    fn cron_file(self, program: &HostPath) -> String {
        let (fields, second) = self.cron();
        format!(
            "{MARK}, which replaces it.
# {often}, at the host's own second, made of its name. What a run says goes to the system's log, not into mail.
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
{fields} root sleep {second}; nice -n 10 {program} sync 2>&1 | logger -t rmqgit
",
            often = capital(&self.interval.words()),
        )
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn service(program: &HostPath) -> String {
    format!(
        "{MARK}, which replaces it; change it with `systemctl edit {SERVICE}`.
[Unit]
Description=rmqgit: bring this host to what its ref says
Wants=network-online.target
# Not after the daemons: one that hangs while it starts must not hold up the run that repairs its file.
After=network-online.target

[Service]
Type=oneshot
ExecStart={program} sync --format log
# 1 is drift, or changes that were left: news for people, and in the report. Only a run that failed fails the unit.
SuccessExitStatus=1
# A broker may take ten minutes to start; a run that hangs must not keep the next ones away for ever.
TimeoutStartSec=20min
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
# The agent is root: it writes below /etc, /var/lib and /usr/libexec, loads kernel settings, asks the network who has an
# address, and runs the daemons' own programs, RabbitMQ's as RabbitMQ's user. What it needs none of is taken away.
UMask=0022
LimitCORE=0
MemoryMax=2G
KeyringMode=private
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_CHROOT CAP_SYS_NICE CAP_SYS_PTRACE CAP_SYS_RESOURCE
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ReadOnlyPaths=-/bin -/boot -/efi -/lib -/lib64 -/sbin -/usr/bin -/usr/lib -/usr/lib64 -/usr/sbin
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(interval: &str, offset: u32) -> Schedule {
        Schedule { interval: interval.parse().expect("an interval"), offset }
    }

    #[test]
    fn an_interval_divides_an_hour_or_a_day() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<Interval>().ok().map(Interval::words).as_deref(), expect, "{text}");
        };
        check("5m", Some("every 5 minutes"));
        check("1 minute", Some("every minute"));
        check("60m", Some("every hour"));
        check("90m", None);
        check("1h30m", None);
        check("7m", None);
        check("30s", None);
        check("5m1s", None);
        check("6h", Some("every 6 hours"));
        check("5h", None);
        check("24h", Some("every 24 hours"));
        check("48h", None);
        check("-5m", None);
        check("0m", None);
        check("", None);
        check("often", None);
    }

    #[test]
    fn timer_and_cron_say_the_same() {
        let check = |interval: &str, offset: u32, calendar: &str, fields: &str, second: u32| {
            let schedule = schedule(interval, offset);
            assert_eq!(schedule.calendar(), calendar);
            assert_eq!(schedule.cron(), (fields.to_owned(), second));
        };
        check("1m", 59, "*:*:59 UTC", "* * * * *", 59);
        check("5m", 0, "*:00/5:00 UTC", "0-59/5 * * * *", 0);
        check("5m", 137, "*:02/5:17 UTC", "2-59/5 * * * *", 17);
        check("30m", 1799, "*:29/30:59 UTC", "29-59/30 * * * *", 59);
        check("1h", 3599, "*:59:59 UTC", "59 * * * *", 59);
        check("6h", 21_599, "05/6:59:59 UTC", "59 5-23/6 * * *", 59);
        check("24h", 86_399, "23:59:59 UTC", "59 23 * * *", 59);
    }

    #[test]
    fn the_place_is_the_hosts_own() {
        let interval: Interval = "5m".parse().expect("an interval");
        let cluster = ClusterName::parse("orders").expect("a name");
        let place = |host: &str| Schedule::new(interval, &cluster, &HostName::parse(host).expect("a name")).offset;
        assert_eq!([place("rabbit1"), place("rabbit2"), place("rabbit3")], [73, 115, 173]);
        let mut tenths = [0; 10];
        for number in 0..1000 {
            tenths[usize::try_from(place(&format!("rabbit{number}")) / 30).expect("it is small")] += 1;
        }
        assert!(tenths.iter().all(|count| (60..140).contains(count)), "{tenths:?}");
    }
}
