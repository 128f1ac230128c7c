const CENSORED = '[redacted]';
const DEEPEST = 6;

// Anchored at the end, so that password_file (a path) stays readable while db_password goes.
const SECRET_NAME =
  /(?:password|passwd|passphrase|pwd|secret|token|authorization|credentials?|api_?key|private_?key)$/i;
const NOT_SECRET = /fencing_?token$/i;

// The userinfo of a URL ends at the last @ before the path, because people leave @ in passwords unescaped.
const URL_USERINFO = /(\b[a-z][a-z0-9+.-]*:\/\/)([^\s/?#:@]*)((?::[^\s/?#]*)?)@/gi;
const URL_PARAMETER = /([?&](?:password|passwd|secret|token|api_?key)=)[^\s&#]+/gi;

/** `text` with the password of every URL in it replaced; the user name stays, it helps to find the account. */
export function redactText(text: string): string {
  // The quick test keeps the common line, which names no URL, off both expressions.
  if (!text.includes('://') && !text.includes('=')) return text;
  return text
    .replace(URL_USERINFO, (_match, scheme: string, user: string, password: string) =>
      password === '' ? `${scheme}${user}@` : `${scheme}${user}:${CENSORED}@`,
    )
    .replace(URL_PARAMETER, `$1${CENSORED}`);
}

/**
 * A copy of `value` that is safe to log and to turn into JSON: values under secret names are replaced, URLs
 * lose their passwords, bytes become their length, bigints text, and nesting deeper than six levels is cut.
 * `onError` renders the errors inside.
 */
export function redact(value: unknown, onError: (error: Error) => unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return onError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof URL) return redactText(value.href);
  if (depth >= DEEPEST) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => redact(item, onError, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      isSecret(name, inner) ? CENSORED : redact(inner, onError, depth + 1),
    ]),
  );
}

function isSecret(name: string, value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== '' && SECRET_NAME.test(name) && !NOT_SECRET.test(name)
  );
}
