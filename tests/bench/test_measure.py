"""Reading /proc, from texts."""

import os
import time

import pytest

from tests.bench.measure import (
    Quiet,
    busy_seconds,
    cpu_seconds,
    field_kib,
    listening_ports,
    peak_pss,
    precise_cpu_seconds,
    pss_kib,
    session_pids,
    stat_cpu,
    stat_fields,
)

TICKS = os.sysconf("SC_CLK_TCK")
STAT = "4242 (a ) strange) name) S 1 4242 4200 0 -1 4194560 1 0 0 0 {} {} {} {} 20 0 1 0 99 0 0"


def test_a_command_may_have_any_name():
    fields = stat_fields(STAT.format(1, 2, 3, 4))
    assert (fields[0], fields[3]) == ("S", "4200")


def test_cpu_time_is_user_and_system_with_children():
    assert stat_cpu(STAT.format(100, 20, 3, 0)) == pytest.approx(123 / TICKS)


def test_a_machine_that_idles_or_waits_for_a_disk_is_not_busy():
    text = f"cpu  {TICKS} 0 {TICKS} 999 777 0 {TICKS} 555 0 0\ncpu0 1 1 1 1\n"
    assert busy_seconds(text) == pytest.approx(3.0)


@pytest.mark.parametrize(("name", "expected"), [("Pss", 1234), ("Pss_Anon", 5), ("Absent", 0)])
def test_fields_in_kib_are_read(name, expected):
    assert field_kib("Rss:  9 kB\nPss:     1234 kB\nPss_Anon: 5 kB\n", name) == expected


def test_only_listening_ports_are_found():
    text = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:13AF 00000000:0000 0A 0\n"
        "   1: 0100007F:1F90 0100007F:13AF 01 0\n"
    )
    assert listening_ports(text) == {0x13AF}


def test_our_own_process_is_found():
    pids = session_pids(os.getsid(0))
    assert os.getpid() in pids
    assert cpu_seconds([os.getpid()]) > 0
    assert precise_cpu_seconds([os.getpid()]) == pytest.approx(time.process_time(), rel=0.5)
    assert pss_kib([os.getpid()]) > 1000


def test_a_process_that_has_ended_uses_nothing():
    assert cpu_seconds([2**22 + 1]) == precise_cpu_seconds([2**22 + 1]) == pss_kib([2**22 + 1]) == 0


def test_peaks_are_sampled_in_the_background():
    looked = []
    with peak_pss(lambda: looked.append(1) or []) as found:
        while len(found) < 2:
            pass
    assert found[:2] == [0, 0]


def test_without_patience_waiting_ends_at_once():
    quiet = Quiet(0.0, 0.0)
    quiet.wait()
    assert quiet.is_impatient


def test_a_repeated_measurement_uses_patience():
    quiet = Quiet(0.0, 10.0)
    quiet.spend(4.0)
    assert not quiet.is_impatient
    quiet.spend(6.0)
    assert quiet.is_impatient
