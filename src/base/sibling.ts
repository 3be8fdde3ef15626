/**
 * URL of a module relative to the calling one, for `new Worker`: `.ts` when run from source, `.js` when run from the
 * build, since the compiler rewrites import statements but not URLs.
 * @param importMetaUrl `import.meta.url` of the calling module
 */
export function siblingModule(importMetaUrl: string, pathWithoutExtension: string): URL {
  const extension = importMetaUrl.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`${pathWithoutExtension}${extension}`, importMetaUrl)
}
