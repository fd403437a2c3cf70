//! What this process holds in memory, and has held. Linux tells it; the benchmarks of the service use this file, too.

/// Bytes that are resident now, and at the peak.
pub(crate) fn now_and_peak() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
    };
    (bytes("VmRSS:"), bytes("VmHWM:"))
}
