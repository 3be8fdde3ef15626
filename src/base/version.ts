import { readFileSync } from 'node:fs'

/** package.json, two folders up from both the source and the build. */
const packageJson: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** Version of this Tidegate. */
export const version: string = (packageJson as { version: string }).version
