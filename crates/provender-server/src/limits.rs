//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// Most connections on the listening address, if the process may open that many files. Over it
/// nothing more is accepted: clients wait in the kernel's queue, which is shorter than a client's
/// patience with a refusal, and responses close their connections so that the queue moves.
pub(crate) const CONNECTIONS: usize = 2048;
/// Most connections on the control socket, counted apart so that the operator always gets in.
pub(crate) const CONTROL_CONNECTIONS: usize = 32;
/// Most threads that serve connections, however many cores there are.
pub(crate) const LANES: usize = 32;
/// How many clients the kernel keeps waiting to be accepted.
pub(crate) const LISTEN_BACKLOG: u32 = 1024;
/// Files that the process needs for itself (database, log, listening sockets, upstreams, answers
/// that are kept to be sent again).
pub(crate) const RESERVED_FILES: u64 = 512;
/// Most open files that are asked of the kernel.
pub(crate) const OPEN_FILES: u64 = 16 * 1024;
/// How long accepting rests when the kernel has no more files or memory to give.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Largest request head: request line and header fields together. hyper also refuses more than
/// 100 fields; asking for another number would cost an allocation per request.
pub(crate) const HEAD_BYTES: usize = 32 * 1024;
/// Longest request target, path and query together.
pub(crate) const TARGET_BYTES: usize = 16 * 1024;
/// hyper's buffer for one read or for queued writes of one connection.
pub(crate) const BUFFER_BYTES: usize = 256 * 1024;
/// How long a connection may be idle, or take to send one request's head. It is one limit because
/// a slow head holds nothing more than an idle connection does.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a request's body may pause.
pub(crate) const BODY_PAUSE: Duration = Duration::from_secs(30);
/// How long the body of a publication or upload may take, beside what its bytes earn.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_hours(1);
/// Bytes of such a body that earn it a second more: whoever keeps up this rate may take as long as
/// it takes, over a slow line too, and whoever only drips is gone after [`BODY_TIMEOUT`].
pub(crate) const BODY_RATE_BYTES: u64 = 16 * 1024;
/// How long a client may take nothing of a response.
pub(crate) const WRITE_PAUSE: Duration = Duration::from_mins(2);

/// How long the body of a request to the server itself may take.
pub(crate) const API_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest request for a certificate: a key or a signing request, a proof, and an identity token.
pub(crate) const CERTIFICATE_REQUEST_BYTES: usize = 64 * 1024;
/// Largest request to the log: a signed envelope in its own words. What is logged of it is small.
pub(crate) const LOG_REQUEST_BYTES: usize = 1024 * 1024;
/// Largest request for a timestamp.
pub(crate) const TIMESTAMP_REQUEST_BYTES: usize = 16 * 1024;
/// Largest form of a token request, or of a page to sign in.
pub(crate) const FORM_BYTES: usize = 64 * 1024;

/// How long a person may think between two steps of signing in.
pub(crate) const TICKET_LIFE: Duration = Duration::from_mins(5);
/// People who think so at once.
pub(crate) const TICKETS: usize = 1024;

/// Largest archive of a publication.
pub(crate) const ARCHIVE_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// Largest file of an upload in steps, all its bodies together. Model weights of some hundred
/// gigabytes are sent as one file; what the disk does not hold is refused before that, by the disk.
pub(crate) const UPLOAD_BYTES: u64 = 512 * 1024 * 1024 * 1024;
/// Most parts of a publication's form; Python sends one per classifier and requirement.
pub(crate) const FORM_PARTS: usize = 4096;
/// Largest field of a form; a long description is some hundred kilobytes.
pub(crate) const FIELD_BYTES: usize = 4 * 1024 * 1024;
/// All fields of a form together, names included.
pub(crate) const FIELDS_BYTES: usize = 8 * 1024 * 1024;
/// Header fields of one part of a form.
pub(crate) const PART_HEAD_BYTES: usize = 8 * 1024;

/// How much of a refused request's body is read and thrown away, so that clients that send all
/// before they listen see the refusal and not a broken connection.
pub(crate) const DRAINED_BYTES: u64 = 256 * 1024 * 1024;
/// How long that may take.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_mins(1);

/// Bytes of one response sent before other connections of this thread get their turn.
pub(crate) const TURN_BYTES: usize = 4 * 1024 * 1024;
/// Bytes asked of one `sendfile` call.
pub(crate) const SENDFILE_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of a connection that wait in the kernel before the network can take them
/// (`TCP_NOTSENT_LOWAT`, tcp(7)); what is on its way does not count. Megabytes would wait otherwise,
/// of which none is in the processor's caches any more when its turn comes.
pub(crate) const UNSENT_BYTES: u32 = 16 * 1024;
/// Files up to this size are read rather than mapped: one call instead of four.
pub(crate) const SMALL_FILE_BYTES: u64 = 32 * 1024;

/// When to ask again for a file that is being fetched, whose size nobody knows yet.
pub(crate) const FETCH_PAUSE: Duration = Duration::from_secs(10);

/// Longest reason phrase in a status line.
pub(crate) const REASON_BYTES: usize = 512;
/// Indexes larger than this are compressed where that delays nobody else.
pub(crate) const COMPRESSED_ELSEWHERE_FROM_BYTES: usize = 256 * 1024;
/// Indexes smaller than this are not worth compressing.
pub(crate) const COMPRESSED_FROM_BYTES: usize = 1024;

/// Longest request head whose answer is kept to be sent again; clients of packages send some
/// hundred bytes, and a page's cookies are nobody else's.
pub(crate) const REPLAY_HEAD_BYTES: usize = 2 * 1024;
/// Largest body of an answer that is kept to be sent again: for larger ones, parsing and framing
/// the request is the smaller part of the work.
pub(crate) const REPLAY_BODY_BYTES: usize = 256 * 1024;
/// From this size on such a body is sent from a file; less is sooner copied.
pub(crate) const REPLAY_FILE_FROM_BYTES: usize = 8 * 1024;
/// What such an open file counts for, so that there are at most 256 ([`RESERVED_FILES`]).
pub(crate) const REPLAY_FILE_BYTES: usize = 64 * 1024;
/// All such answers together, in bytes.
pub(crate) const REPLAYS_BYTES: u64 = 16 * 1024 * 1024;
/// How many there may be; only sizes the tables.
pub(crate) const REPLAYS_EXPECTED: usize = 1_000;
/// Places in which heads that were seen once are remembered, by hash.
pub(crate) const REPLAYS_SEEN: usize = 4096;

/// How long requests under way may take to end when the server is told to stop.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often `/-/health` asks the store at most.
pub(crate) const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How long the store may take to answer it.
pub(crate) const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
