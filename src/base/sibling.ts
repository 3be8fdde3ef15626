/**
 * URL of a module beside the one that asks, for `new Worker`: `.ts` when run from source, `.js` when run from the
 * build, since the compiler rewrites import statements but no URLs.
 */
export function siblingModule(importMetaUrl: string, pathWithoutExtension: string): URL {
  const extension = importMetaUrl.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`${pathWithoutExtension}${extension}`, importMetaUrl)
}
