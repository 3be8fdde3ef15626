import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import type { Damage } from '../../../src/store/recovery/damages.ts'
import { readDamages } from '../../../src/store/recovery/damages.ts'
import { connect } from '../stores.ts'
import { randomFrom } from './plant.ts'

const PAGE_BYTES = 4_096

/** Overwrites `pages` of a file (pages at random places, or these) with random bytes. */
export function scribble(file: string, { pages, seed }: { pages: number | readonly number[]; seed: number }): void {
  const content = readFileSync(file)
  const random = randomFrom(seed)
  const count = content.length / PAGE_BYTES
  const hit = new Set<number>(typeof pages === 'number' ? [] : pages.map((page) => page - 1))
  while (typeof pages === 'number' && hit.size < Math.min(pages, count)) hit.add(Math.floor(random() * count))
  for (const page of hit) {
    for (let at = page * PAGE_BYTES; at < (page + 1) * PAGE_BYTES; at++) content[at] = Math.floor(random() * 256)
  }
  writeFileSync(file, content)
}

/** The damages that the database of a folder has recorded. */
export function damagesOf(folder: string): Damage[] {
  const database = connect(folder)
  const damages = readDamages(database)
  database.close()
  return damages
}

/** The files that were set aside. */
export function setAside(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${DATABASE_FILE}.`))
    .map((name) => join(folder, name))
}

/** The root pages of tables. @throws when there is no such table. */
export function rootsOf(folder: string, ...tables: string[]): number[] {
  const database = connect(folder)
  const root = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ? AND rootpage > 0').pluck()
  const pages = tables.map((table) => root.get(table) as number)
  database.close()
  if (pages.includes(undefined as never)) throw new Error(`no table for some of ${tables.join()}`)
  return pages
}

/** The page with the last rows of a table. */
export function lastPageOf(folder: string, table: string): number {
  const database = connect(folder)
  const last = `SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1`
  const page = database.prepare(last).pluck().get(table) as number
  database.close()
  return page
}
