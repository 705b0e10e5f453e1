"""Work in a pool of processes."""

from collections.abc import Iterator

from common.process_pools import map_in_processes


def test_only_a_few_files_are_handed_out_at_a_time() -> None:
    taken = []

    def batches() -> Iterator[list[int]]:
        for i in range(100):
            taken.append(i)
            yield [i]

    results = map_in_processes(abs, batches(), 2, abs)
    for i, result in enumerate(results):
        assert result == i and len(taken) <= i + 5
    assert len(taken) == 100
