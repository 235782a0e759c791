//! Fetches a URL, as curl does: `cargo run --example fetch --features fetch -- URL`, and `--help` for the rest.
//!
//! Besides everyday use of the client it shows two things: how a download never looks complete before it is ([`Part`]),
//! and how to look into a connection by wrapping what makes it ([`Watched`]).

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, IoSlice, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http_client::conn::{
    Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig, Deadline, Interest,
    Liveness, PeerFacts, Transport,
};
use http_client::wire::is_secret_field;
use http_client::{Body, Client, ClientConfig, ErrorKind, Headers, Method, Request, Response, Url};
use indicatif::{ProgressBar, ProgressStyle};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What curl exits with when `--fail` meets a status of 400 or above.
const EXIT_STATUS: u8 = 22;

/// Fetches a URL. Redirects are not followed: look at Location with -i.
#[derive(Parser)]
#[command(name = "fetch")]
struct Options {
    /// Where to, as in https://example.com/
    #[arg(value_parser = absolute)]
    url: Url,
    /// The method [default: GET, or POST with --data]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<Method>,
    /// A field line to send, as often as you like
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(String, String)>,
    /// Content to send: a text, a file with @FILE, standard input with @-
    #[arg(short, long, value_name = "TEXT")]
    data: Option<String>,
    /// Trust the certificates in this PEM file, too
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Write the content to this file, once it is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the connection and both heads on standard error, without credentials
    #[arg(short, long)]
    verbose: bool,
    /// Give up after this many seconds, over all
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Exit with 22 and no output if the status is 400 or above
    #[arg(short, long)]
    fail: bool,
    /// Put the response's head before its content
    #[arg(short, long)]
    include: bool,
}

fn main() -> ExitCode {
    match fetch(Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            note(&format!("fetch: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn fetch(options: Options) -> Result<ExitCode> {
    let client = Client::with_config(config(&options)?)?;
    // What cannot be kept should not be asked for.
    let output = options.output.as_deref().map(Part::create).transpose()?;
    let request = request(&options)?;
    // RFC 9110 §9.3.2: here Content-Length tells of content that does not come.
    let is_head = request.method == Method::HEAD;
    let response = client.send(request)?;
    if options.verbose {
        for line in head_lines(&response) {
            note(format!("< {}", redacted(&line)).trim_end());
        }
    }
    if options.fail && response.status().as_u16() >= 400 {
        note(&format!("fetch: the server answered {}", shown(&status_line(&response))));
        return Ok(ExitCode::from(EXIT_STATUS));
    }
    match output {
        Some(part) => save(response, part, options.include, is_head)?,
        None => print(response, options.include)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn config(options: &Options) -> Result<ClientConfig> {
    let mut config = ClientConfig::default();
    config.timeouts.total = options.timeout;
    if let Some(path) = &options.cacert {
        let pem = fs::read(path).map_err(|error| about(path, &error))?;
        config.tls.roots.add_pem(&pem).map_err(|error| about(path, &error))?;
    }
    if options.verbose {
        let mut connector = ConnectorConfig::default();
        connector.tls = config.tls.clone();
        config.connect = Some(Arc::new(Watched(Connector::new(connector)?)));
    }
    Ok(config)
}

fn request(options: &Options) -> Result<Request> {
    let has_data = options.data.is_some();
    let method = options.method.clone().unwrap_or(if has_data { Method::POST } else { Method::GET });
    let mut request = Request::new(method, &options.url)?;
    for (name, value) in &options.headers {
        request.headers.append(name, value)?;
    }
    if has_data && !request.headers.contains("Content-Type") {
        request.headers.append("Content-Type", "application/x-www-form-urlencoded")?;
    }
    request.body = match options.data.as_deref() {
        None => Body::empty(),
        // How much there is shows only at its end, so it goes in chunks.
        Some("@-") => Body::reader(io::stdin()),
        Some(data) => match data.strip_prefix('@') {
            Some(path) => File::open(path).map_err(|error| about(Path::new(path), &error))?.into(),
            None => data.into(),
        },
    };
    Ok(request)
}

fn print(response: Response<'_>, include: bool) -> Result {
    match pass_on(response, include, &mut io::stdout().lock()) {
        // Whoever reads has seen enough (`| head`).
        Err(error) if is_closed_pipe(&*error) => Ok(()),
        result => result,
    }
}

fn save(response: Response<'_>, mut part: Part, include: bool, is_head: bool) -> Result {
    let length = response.header("Content-Length").and_then(|length| length.parse().ok());
    let bar = progress_bar(length.filter(|_| !is_head))?;
    let passed = pass_on(response, include, &mut bar.wrap_write(&mut part.file));
    match passed {
        Ok(()) => {
            bar.set_style(ProgressStyle::with_template("{bytes} in {elapsed}, {bytes_per_sec}")?);
            bar.finish();
        }
        // Else the bar would be drawn again below the error.
        Err(_) => bar.abandon(),
    }
    passed?;
    part.finish()
}

/// Writes what came, however much it is: the head if it is wanted, and the content as it comes.
fn pass_on(mut response: Response<'_>, include: bool, to: &mut impl Write) -> Result {
    if include {
        write!(to, "{}\r\n", status_line(&response))?;
        for (name, value) in response.headers().iter() {
            to.write_all(&[name.as_bytes(), b": ", value, b"\r\n"].concat())?;
        }
        to.write_all(b"\r\n")?;
    }
    response.copy_to(to)?;
    Ok(to.flush()?)
}

/// indicatif draws on standard error, and only if that is a terminal.
fn progress_bar(length: Option<u64>) -> Result<ProgressBar> {
    let (bar, template) = match length {
        Some(length) => {
            let template = "{percent:>3}% {wide_bar} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
            (ProgressBar::new(length), template)
        }
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {bytes_per_sec}  {elapsed}"),
    };
    bar.set_style(ProgressStyle::with_template(template)?.progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(100));
    Ok(bar)
}

/// A file that appears under its name only once it is complete: until then it stands beside it as `NAME.part`, and if
/// it never is, it goes.
struct Part {
    target: PathBuf,
    /// `None` where the content goes straight to its target.
    path: Option<PathBuf>,
    file: File,
}

impl Part {
    fn create(target: &Path) -> Result<Self> {
        // The file behind a link is replaced, not the link.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        // Renaming would put a file in the place of a device or a pipe.
        let path = fs::metadata(&target).map_or(true, |found| found.is_file()).then(|| {
            let mut name = target.clone().into_os_string();
            name.push(".part");
            PathBuf::from(name)
        });
        let at = path.as_deref().unwrap_or(&target);
        let file = File::create(at).map_err(|error| about(at, &error))?;
        Ok(Self { target, path, file })
    }

    fn finish(mut self) -> Result {
        if let Some(path) = &self.path {
            fs::rename(path, &self.target).map_err(|error| about(&self.target, &error))?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Something else has failed already, and that is told.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes connections as its inner connector does, and tells what they are and what is sent on them.
struct Watched<C>(C);

impl<C: Connect> Connect for Watched<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> std::result::Result<Connected, ConnectError> {
        let mut connected = self.0.connect(to)?;
        let facts = connected.transport.facts();
        if let (Some(peer), Some(local)) = (facts.peer, facts.local) {
            note(&format!("* connected to {peer} from {local}"));
        }
        if let Some(tls) = &facts.tls {
            let alpn = tls.alpn.as_deref().unwrap_or("none");
            note(&format!("* {} with {}, ALPN {}", tls.version, tls.cipher_suite, shown(alpn)));
        }
        connected.transport = Box::new(WatchedStream { inner: connected.transport, head: Some(Vec::new()) });
        Ok(connected)
    }
}

struct WatchedStream {
    inner: Box<dyn Transport>,
    /// What was sent of the head, until it is complete: one connection carries one request here.
    head: Option<Vec<u8>>,
}

impl WatchedStream {
    fn sent(&mut self, bytes: &[u8]) {
        let Some(head) = &mut self.head else { return };
        head.extend_from_slice(bytes);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            head.truncate(end + 2);
            for line in String::from_utf8_lossy(head).lines() {
                note(&format!("> {}", redacted(line)));
            }
            note(">");
            self.head = None;
        }
    }
}

impl Write for WatchedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.sent(bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.inner.write_vectored(slices)?;
        let mut left = n;
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            self.sent(part);
            left -= part.len();
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Read for WatchedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into)
    }
}

impl Transport for WatchedStream {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.inner.set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        self.inner.probe()
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        self.inner.ready(want, by)
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        self.inner.facts()
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.inner.read_spare(into)
    }

    fn close(&mut self) -> io::Result<()> {
        self.inner.close()
    }
}

fn head_lines(response: &Response<'_>) -> Vec<String> {
    let fields = response.headers().iter();
    let fields = fields.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
    let mut lines = vec![status_line(response)];
    lines.extend(fields);
    lines.push(String::new());
    lines
}

fn status_line(response: &Response<'_>) -> String {
    format!("{:?} {} {}", response.version(), response.status().as_u16(), response.reason())
}

/// A line of a head for people's eyes: without the value of a field that holds a credential.
fn redacted(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, _)) if is_secret_field(name) => format!("{name}: [redacted]"),
        _ => shown(line),
    }
}

/// A peer's text for a terminal, which control characters could command.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn note(line: &str) {
    // There is nowhere to tell that standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

fn about(path: &Path, error: &dyn Error) -> String {
    format!("{}: {error}", path.display())
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let cause = match error.downcast_ref::<http_client::Error>() {
        // On the network a broken pipe is an error like others.
        Some(error) if error.kind() == ErrorKind::Local => error.source(),
        Some(_) => None,
        None => Some(error),
    };
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    cause.and_then(|cause| cause.downcast_ref()).is_some_and(broken)
}

fn absolute(url: &str) -> std::result::Result<Url, String> {
    Url::parse(url).map_err(|error| format!("{error}; begin with https:// or http://"))
}

fn field(line: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or("a field line is NAME: VALUE")?;
    Headers::new().append(name, value).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
