#!/usr/bin/env python3
"""unzip_member.py FOLDER NAME INTO: finds the zip archives below FOLDER and writes the member whose
last path component is NAME (a program) into the folder INTO."""
import os
import pathlib
import sys
import zipfile

folder, name, into = sys.argv[1:]
for archive in pathlib.Path(folder).rglob("*.zip"):
    with zipfile.ZipFile(archive) as z:
        for member in z.namelist():
            if member.split("/")[-1] == name and not member.endswith("/"):
                target = pathlib.Path(into) / name
                target.write_bytes(z.read(member))
                os.chmod(target, 0o755)
                sys.exit(0)
sys.exit(f"unzip_member.py: no {name} in the archives below {folder}")
