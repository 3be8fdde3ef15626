/** Stands for the host of a URL with a user name and without a host, which the URL standard does not allow. */
const NO_HOST = 'no-host.invalid'
const WITHOUT_HOST = /^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?#]|$)/

/**
 * The parts of an address of PostgreSQL, as libpq reads it: the host may be missing, or the folder of a Unix socket as the
 * parameter `host`. Null: it is not such an address.
 */
export function parsePostgresUrl(text: string): { readonly url: URL; readonly host: string } | null {
  const url = URL.parse(text.replace(WITHOUT_HOST, `$1${NO_HOST}`))
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) return null
  const host = url.host === NO_HOST ? '' : url.host
  return { url, host: host || (url.searchParams.get('host') ?? 'localhost') }
}

/**
 * Adds the password as a parameter, which also works for an address without a host.
 * @param text an address of PostgreSQL
 */
export function withPostgresPassword(text: string, password: string): string {
  const { url } = parsePostgresUrl(text)!
  url.searchParams.set('password', password)
  return url.href.replace(`@${NO_HOST}`, '@')
}
