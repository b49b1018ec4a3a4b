//! The same trials under criterion, one crate after the other: for a look at the distribution. Ratios come from `paired`.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{criterion_group, criterion_main, BenchmarkGroup, Criterion};
use mmap_io_core_bench::rows;
use mmap_io_core_bench::trial::Trial;

fn groups(criterion: &mut Criterion) {
    for row in rows() {
        let mut group = criterion.benchmark_group(row.ours.title());
        bench(&mut group, "ours", &row.ours);
        bench(&mut group, "published", &row.published);
        group.finish();
    }
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, trial: &Trial) {
    group.bench_function(name, |bencher| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut run = trial.prepare(&folder.path().join("file")).expect("the trial's file");
        bencher.iter_custom(|n| run(n).expect("a right result"));
    });
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3));
    targets = groups
}
criterion_main!(all);
