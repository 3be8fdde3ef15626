import { readFileSync } from 'node:fs'

/** package.json is two folders above this file, in the source and in the build. */
const packageJson: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** Version of this Tidegate. */
export const version: string = (packageJson as { version: string }).version
