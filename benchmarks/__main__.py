"""All benchmarks, one after the other: `python -m benchmarks`. They print ratios against a baseline of the same run."""

from benchmarks import bench_demo, bench_inspect, bench_scoring


def main() -> None:
    for benchmark in (bench_inspect, bench_scoring, bench_demo):
        benchmark.main()


if __name__ == "__main__":
    main()
