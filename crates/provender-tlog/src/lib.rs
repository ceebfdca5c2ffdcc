//! A transparency log of tiles (C2SP tlog-tiles); it knows nothing of packages.
