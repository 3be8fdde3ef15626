import { hasCredentials } from '../../base/text/shown-url.ts'
import { pathText, valueAt, withValueAt } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { linksOf } from './links.ts'

/**
 * Settings data in which user name and password of a broker's URL are moved to `username` and `password`, with a
 * warning: URLs are printed in logs and in the status. Earlier versions accepted them in the URL, so they are not
 * refused, unless the settings contain both.
 */
export function withoutUrlCredentials(data: unknown): {
  readonly data: unknown
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
} {
  const problems: Problem[] = []
  const warnings: string[] = []
  let result = data
  for (const { path } of linksOf(data)) {
    const place = [...path, 'url']
    const url = valueAt(data, place)
    if (typeof url !== 'string' || !hasCredentials(url)) continue
    const found = credentialsOf(url)
    if (found === undefined) continue // the schema refuses such a URL
    const rival = ['username', 'password'].find((key) => valueAt(data, [...path, key]) !== undefined)
    if (rival !== undefined) {
      const text = `contains a user name or password, and \`${rival}\` is set as well: remove it from the URL`
      problems.push({ path: place, text })
    } else {
      const keys = found.password === undefined ? '`username`' : '`username` and `password_file`'
      warnings.push(`${pathText(place)}: the URL contains a user name or password: use ${keys} instead`)
      if (found.password !== undefined) result = withValueAt(result, [...path, 'password'], found.password)
      result = withValueAt(result, [...path, 'username'], found.username)
    }
    result = withValueAt(result, place, found.url)
  }
  return { data: result, problems, warnings }
}

/** The URL without user name and password, and both decoded; undefined if the rest of the URL could be a part of them. */
function credentialsOf(
  url: string,
): { readonly url: string; readonly username: string; readonly password: string | undefined } | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return undefined
  const { username, password } = parsed
  parsed.username = ''
  parsed.password = ''
  if (username === '' || hasCredentials(parsed.href)) return undefined
  try {
    return {
      url: parsed.href,
      username: decodeURIComponent(username),
      password: password === '' ? undefined : decodeURIComponent(password),
    }
  } catch {
    return undefined
  }
}
