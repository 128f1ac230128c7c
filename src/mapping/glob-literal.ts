/** A text as it stands in a glob for Redis' MATCH that matches this text only. */
export function globLiteral(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`);
}
