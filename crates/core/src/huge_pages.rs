//! What the kernel did about huge pages.

/// Whether any part of the mapping that holds `address` is backed by huge pages. `None` where the system does not tell.
pub(crate) fn is_backed(address: *const u8) -> Option<bool> {
    let address = address.addr();
    if address == 0 {
        return None;
    }
    let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let mut lines =
        smaps.lines().skip_while(|line| !bounds(line).is_some_and(|(start, end)| (start..end).contains(&address)));
    lines.next()?;
    let fields = lines.take_while(|line| bounds(line).is_none());
    let huge = fields.filter_map(|line| line.split_once(':')).filter(|(name, _)| {
        matches!(*name, "AnonHugePages" | "ShmemPmdMapped" | "FilePmdMapped" | "Private_Hugetlb" | "Shared_Hugetlb")
    });
    Some(huge.filter_map(|(_, size)| size.split_whitespace().next()).any(|size| size != "0"))
}

/// Start and end of an entry's first line.
fn bounds(line: &str) -> Option<(usize, usize)> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}
