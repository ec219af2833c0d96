//! Maintenance windows, and what may be wrong with them.

use super::super::Window;
use super::{faults, one, run, spec};

fn make(section: &str) -> String {
    format!("{}  maintenance: {section}\n", spec("", "", ""))
}

#[test]
fn windows_have_defaults() {
    let windows = |section: &str| {
        let maintenance = one(run(&make(section))).maintenance.expect("the spec has windows");
        let days = |window: &Window| window.days.iter().map(|day| day.to_monday_zero_offset()).collect::<Vec<_>>();
        let windows: Vec<_> =
            maintenance.windows.iter().map(|one| (days(one), one.from.hour(), one.to.hour())).collect();
        (maintenance.timezone, windows)
    };
    assert_eq!(
        windows("{timezone: Europe/Berlin, windows: [{days: [sun, sat], from: \"02:00\", to: \"05:00\"}]}"),
        ("Europe/Berlin".to_owned(), vec![(vec![5, 6], 2, 5)])
    );
    assert_eq!(
        windows("{windows: [{from: \"00:00\", to: \"24:00\"}, {from: 22:00, to: 04:00}]}"),
        ("UTC".to_owned(), vec![(vec![0, 1, 2, 3, 4, 5, 6], 0, 0), (vec![0, 1, 2, 3, 4, 5, 6], 22, 4)])
    );
}

#[test]
fn windows_are_checked() {
    faults(
        &[
            ("{windows: [{from: \"02:00\", to: \"05:00\"}]}", ""),
            ("{windows: []}", ":20 empty-list: the maintenance has no window\n"),
            (
                "{timezone: Europe/Berlim, windows: [{from: \"02:00\", to: \"05:00\"}]}",
                ":20 unknown-time-zone: there is no time zone `Europe/Berlim`\n",
            ),
            (
                "{timezone: CET, windows: [{days: [], from: \"2:00\", to: \"25:00\"}, {from: \"24:00\", to: \"1:0\"}]}",
                ":20 unknown-time-zone: there is no time zone `CET`\n\
                 :20 empty-list: the window opens on no day\n\
                 :20 invalid-value: `2:00` is not a time of the day\n\
                 :20 invalid-value: `25:00` is not a time of the day\n\
                 :20 invalid-value: `24:00` is not a time of the day\n\
                 :20 invalid-value: `1:0` is not a time of the day\n",
            ),
            (
                "{windows: [{from: \"02:00\", to: \"02:00\"}]}",
                ":20 :20 invalid-value: the window closes when it opens\n",
            ),
            (
                "{windows: [{days: [sat, sat], from: \"02:00\", to: \"05:00\"}]}",
                ":20 :20 duplicate-definition: the day is given twice\n",
            ),
        ],
        make,
    );
}
