/** Whether a name or address leads to this machine only, and no DNS server can redirect it; IPv4 in IPv6 notation too. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(host);
}
