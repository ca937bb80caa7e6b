"""In the processes that tests start: their records lie on the same server (`onpostgres`)."""

import os

if os.environ.get("SCEAU_TEST_POSTGRES"):
    import onpostgres

    onpostgres.install()
