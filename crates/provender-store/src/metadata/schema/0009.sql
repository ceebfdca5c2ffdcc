-- Of a package with ten thousand files, the few that are not served.
CREATE INDEX files_not_served ON files (repository, ecosystem, package) WHERE state <> 'present';
