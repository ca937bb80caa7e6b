"""Every kind of file is judged from its bytes: never conform by mistake, and for the right reason."""

import pytest
from kinds import KINDS, Kind

from conformity.inspect import check_scan


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_of_file_gets_the_verdict_it_deserves(tmp_path, kind: Kind):
    kind.write(tmp_path / kind.name)
    check = check_scan(tmp_path / kind.name)
    codes = [found.code for found in check.findings]
    assert (check.verdict, codes) == (kind.verdict, codes)
    assert kind.code is None or kind.code in codes
