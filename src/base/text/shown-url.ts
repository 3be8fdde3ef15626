import { oneLine } from './one-line.ts'

const URL_CHARS_MAX = 300

/**
 * An address for a log, an error or the status: scheme, host, port and path. It never has the user name, the password
 * and the query of the URL, which may be secret.
 */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null) return 'an address that is not a URL'
  const path = shownPath(parsed)
  const query = parsed.search === '' ? '' : '?…'
  return oneLine(`${parsed.protocol}//${parsed.host}${path === '/' ? '' : path}${query}`, URL_CHARS_MAX)
}

/** The path of a URL. A `@` in it is probably that of a password with `/`, so that path is not shown. */
export function shownPath({ pathname }: URL): string {
  return /@|%40/.test(pathname) ? '/…' : pathname
}

/** Whether a URL has a user name or a password, or seems to have: a `@` where only those have one. */
export function hasCredentials(url: string): boolean {
  const parsed = URL.parse(url)
  if (parsed === null) return url.includes('@')
  const { username, password, pathname, search, hash } = parsed
  return username !== '' || password !== '' || `${pathname}${search}${hash}`.includes('@')
}
