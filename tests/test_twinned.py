from tests import twinned


def test_it_runs_the_end_to_end_fault_and_asterisk_tests():
    folders = {name.split("/")[1] for name in twinned.files()}
    assert folders == {"e2e", "faults", "asterisk"}


def test_a_sample_is_the_same_for_the_same_seed():
    files = twinned.files()
    assert twinned.chosen(files, 4, "a") == twinned.chosen(files, 4, "a")
    assert len({tuple(twinned.chosen(files, 4, seed)) for seed in "abcdef"}) > 1
    assert twinned.chosen(files, None, "a") == files


def test_each_test_that_is_left_out_exists():
    for name in twinned.LEFT_OUT:
        file, _, test = name.partition("::")
        assert file in twinned.files()
        assert f"def {test.partition('[')[0]}" in (twinned.TOP / file).read_text()
