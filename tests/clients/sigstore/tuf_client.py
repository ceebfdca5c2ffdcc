"""Refreshes a TUF repository from a trusted root, and downloads its targets, with python-tuf.

tuf_client.py REPOSITORY ROOT_FILE METADATA_FOLDER TARGETS_FOLDER
"""

import os
import sys

from tuf.ngclient import Updater

repository, root, metadata, targets = sys.argv[1:]
for folder in (metadata, targets):
    os.makedirs(folder, exist_ok=True)
with open(root, "rb") as file:
    bootstrap = file.read()
updater = Updater(
    metadata_dir=metadata,
    metadata_base_url=f"{repository}/",
    target_base_url=f"{repository}/targets/",
    target_dir=targets,
    bootstrap=bootstrap,
)
updater.refresh()
for name in ("trusted_root.json", "signing_config.v0.2.json"):
    info = updater.get_targetinfo(name)
    if info is None:
        sys.exit(f"{name} is no target")
    path = updater.find_cached_target(info) or updater.download_target(info, f"{targets}/{name}")
    print(name, info.length, path)
