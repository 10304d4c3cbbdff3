"""Known vulnerabilities of the pinned packages, as pip's index tells them (`/pypi/<name>/<version>/json`).

Names given as arguments limit it to those packages.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")


def pins() -> list[tuple[str, str]]:
    """Every (name, version) of requirements/dev.txt, which holds base.txt too."""
    lines = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    return sorted({(found[1], found[2]) for line in lines if (found := PIN.match(line))})


def index() -> str:
    """Where pip is told to look on this machine (`PIP_INDEX_URL`, else pip's own configuration)."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = os.environ.get("PIP_INDEX_URL") or subprocess.run(command, capture_output=True, text=True).stdout
    address = urlsplit(asked.strip())
    if not address.netloc:
        sys.exit("scripts/audit: say which package index to ask: PIP_INDEX_URL=https://…/simple scripts/audit")
    return f"{address.scheme}://{address.netloc}"


def vulnerabilities(client: httpx.Client, name: str, version: str) -> list[str] | None:
    """Ids with where they are fixed; None when the index does not say."""
    try:
        answer = client.get(f"/pypi/{name}/{version}/json")
        told = answer.json().get("vulnerabilities") if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None
    if told is None:
        return None
    return [
        f"{one['id']} (fixed in {', '.join(one.get('fixed_in') or ['no release yet'])})"
        for one in told
        if not one.get("withdrawn")
    ]


def main() -> int:
    """0: nothing known; 1: something known; 2: nothing known, and not everything could be checked."""
    wanted = set(sys.argv[1:])
    pinned = [pin for pin in pins() if not wanted or pin[0] in wanted]
    with httpx.Client(base_url=index(), timeout=10, follow_redirects=True) as client, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pin: vulnerabilities(client, *pin), pinned))
    unknown = [f"{name} {version}" for (name, version), told in zip(pinned, found, strict=True) if told is None]
    bad = [(pin, told) for pin, told in zip(pinned, found, strict=True) if told]
    for (name, version), told in bad:
        print(f"{name} {version}: {'; '.join(told)}")
    print(f"{len(pinned) - len(unknown)} of {len(pinned)} checked, {len(bad)} with known vulnerabilities")
    if unknown:
        print(f"could not be checked: {', '.join(unknown[:10])}{' …' if len(unknown) > 10 else ''}")
    return 1 if bad else 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
