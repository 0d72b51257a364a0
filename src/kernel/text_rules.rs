//! CEL fragments that several kinds use, so that one thing has one rule. Pure text.

/// A ticket's name.
pub const TICKET: &str =
    "self.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$') && !self.matches('[_.-][_.-]')";

/// Says what a ticket may look like.
pub const TICKET_HELP: &str = "a ticket is 1 to 63 letters, digits, '_', '.' or '-', begins and ends with a letter or digit, \
and has no two of '_', '.', '-' side by side; for example METAWSM-101";

/// A DNS label.
pub const DNS_LABEL: &str = "self.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')";

/// A DNS subdomain, as most names in Kubernetes are.
pub const DNS_NAME: &str = "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')";

/// A branch, tag or commit as git accepts it, without the characters that only make trouble.
pub const GIT_REF: &str = "self.matches('^[A-Za-z0-9_][A-Za-z0-9._/+@=#-]{0,199}$') && !self.contains('..') && \
!self.contains('//') && !self.contains('/.') && !self.contains('@@') && !self.endsWith('/') && !self.endsWith('.') && \
!self.endsWith('.lock') && !self.contains('.lock/') && !self.startsWith('refs/')";

/// Says what a git reference may look like.
pub const GIT_REF_HELP: &str = "give a branch, tag or commit name as git accepts it (letters, digits, . _ / + @ = # -; no '..', \
no '//', not ending in '/', '.' or '.lock'), without 'refs/' before it";

/// A relative folder inside a repository.
pub const DOCS_PATH: &str = "self.matches('^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$') && \
!self.split('/').exists(p, p == '.' || p == '..' || p.lowerAscii() == '.git')";

/// Says what a documents folder may look like.
pub const DOCS_PATH_HELP: &str = "give a folder relative to the repository's root, like 'ttmp' or 'docs/tickets': letters, digits, \
'.', '_', '-', separated by single '/', without '..', '.git' or a leading '/'";

/// No control characters (line breaks and tabs excepted), no ANSI escapes, nothing that changes the direction of text.
pub const HUMAN_TEXT: &str = "!self.matches('[\\\\x00-\\\\x08\\\\x0b-\\\\x1f\\\\x7f-\\\\x{9f}\\\\x{200e}\\\\x{200f}\\\\x{202a}-\\\\x{202e}\\\\x{2066}-\\\\x{2069}\\\\x{061c}]')";

/// Says what text may hold.
pub const HUMAN_TEXT_HELP: &str = "remove control characters, terminal escapes and marks that change the direction of text; \
line breaks and tabs are fine";

/// No white space and no control characters.
pub const ONE_WORD: &str = "!self.matches('[\\\\s\\\\x00-\\\\x20\\\\x7f-\\\\x{a0}\\\\x{200e}\\\\x{200f}\\\\x{2028}-\\\\x{202e}\\\\x{2066}-\\\\x{2069}]')";

/// An http or https address: a host name or an address, perhaps a port and a plain path; no query, no fragment.
pub const WEB_URL: &str = "self.matches('^https?://([^/@]*@)?([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$')";

/// Says what an address may look like.
pub const WEB_URL_HELP: &str = "give an http:// or https:// address: a host, perhaps ':port' and a path of letters, digits and . _ ~ % -, \
without '?', '#', white space or other characters";

/// No user and no password in an address.
pub const WITHOUT_USER: &str = "!self.matches('^[A-Za-z]*://[^/]*@')";

/// Says where credentials belong.
pub const WITHOUT_USER_HELP: &str =
    "remove the user or password from the address: credentials belong into a Secret, named in authSecretRef";

/// A length of time with units from large to small.
pub const LENGTH_OF_TIME: &str =
    "self != '' && self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$')";

/// One line of text: nothing that [`HUMAN_TEXT`] refuses, and no line breaks or tabs either.
pub const ONE_LINE: &str = "!self.matches('[\\\\x00-\\\\x1f\\\\x7f-\\\\x{9f}\\\\x{200e}\\\\x{200f}\\\\x{2028}-\\\\x{202e}\\\\x{2066}-\\\\x{2069}\\\\x{061c}]')";

/// Says what a line may hold.
pub const ONE_LINE_HELP: &str = "remove line breaks, tabs, control characters, terminal escapes and marks that change the direction \
of text: it must fit into one line";

/// What tells posts and commands apart: safe in names, keys and file names.
pub const POST_ID: &str = "self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$')";

/// Says what such an id may look like.
pub const POST_ID_HELP: &str =
    "an id is 1 to 63 letters, digits, '.', '_' or '-', begins and ends with a letter or digit, for example a UUID";
