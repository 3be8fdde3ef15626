import { existsSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { pause } from '../../src/base/clock.ts'
import { CONFIRM_TIMEOUT_MS, type Scene } from './scene.ts'

/** Injects one fault, and repairs it. */
export type Strike = (scene: Scene) => Promise<void>

export interface Fault {
  readonly key: string
  readonly title: string
  /** Each strike of a run is one of these, or several at once. */
  readonly strikes: readonly Strike[]
  readonly atOnceMax?: number
  /** True: the uplink uses a link that is bad all the time. */
  readonly badLink?: boolean
}

/** A failed start is tried again, as by a service manager. */
const STARTS_MAX = 5
const START_AGAIN_MS = 300
const DOWN_MS_MAX = 800
const FREEZE_MORE_MS_MAX = 1_500
/** How long the database of the receiver is locked at a time: up to seven times the wait of a commit. */
const LOCK_MS_MIN = 50
const LOCK_MS_MAX = 1_400
const LOCKS = 4
const LOCK_GAP_MS = 30

const between = ({ random }: Scene, least: number, most: number): number => least + random() * (most - least)

async function startAgain(service: { start(): Promise<void> }): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await service.start()
    } catch (failure) {
      if (tries === STARTS_MAX) throw failure
      await pause(START_AGAIN_MS)
    }
  }
}

const edgeKilled: Strike = async (scene) => {
  await scene.edge.kill()
  await pause(between(scene, 0, DOWN_MS_MAX))
  await startAgain(scene.edge)
}

const brokerKilled: Strike = async (scene) => {
  await scene.cloud.kill()
  await pause(between(scene, 0, DOWN_MS_MAX))
  await scene.cloud.restart()
}

const receiverKilled: Strike = async (scene) => {
  await scene.receiver.kill()
  await pause(between(scene, 0, DOWN_MS_MAX))
  await startAgain(scene.receiver)
}

/** One of the two links loses all bytes, for longer than the confirm timeout. */
const frozen: Strike = async (scene) => {
  const { dial } = scene.random() < 0.7 ? scene.edgeLink : scene.receiverLink
  dial.freeze = true
  await pause(CONFIRM_TIMEOUT_MS + between(scene, 200, FREEZE_MORE_MS_MAX))
  dial.freeze = false
}

const cut: Strike = async ({ edgeLink, receiverLink, random }) => {
  const link = random() < 0.5 ? edgeLink : receiverLink
  link.cut()
}

/** Another process locks the database of the receiver: commits are slow, or fail. */
const sinkLocked: Strike = async (scene) => {
  const file = join(scene.receiver.folder, 'received.db')
  for (let count = 0; count < LOCKS; count++) {
    await lock(file, between(scene, LOCK_MS_MIN, LOCK_MS_MAX))
    await pause(LOCK_GAP_MS)
  }
}

async function lock(file: string, ms: number): Promise<void> {
  if (!existsSync(file)) return
  const database = new SQLite(file, { fileMustExist: true, timeout: 2_000 })
  try {
    database.exec('BEGIN IMMEDIATE')
    await pause(ms)
    database.exec('ROLLBACK')
  } finally {
    database.close()
  }
}

const together =
  (...strikes: readonly Strike[]): Strike =>
  async (scene) => {
    await Promise.all(strikes.map((strike) => strike(scene)))
  }

export const FAULTS: readonly Fault[] = [
  { key: 'edge', title: 'edge killed', strikes: [edgeKilled] },
  { key: 'broker', title: 'broker killed', strikes: [brokerKilled] },
  { key: 'receiver', title: 'receiver killed', strikes: [receiverKilled] },
  {
    key: 'kills',
    title: 'two of the three killed at once (each pair in turn), then all three',
    strikes: [
      together(edgeKilled, brokerKilled),
      together(edgeKilled, receiverKilled),
      together(brokerKilled, receiverKilled),
      together(edgeKilled, brokerKilled, receiverKilled),
    ],
  },
  { key: 'frozen', title: 'link frozen for 2 to 3.5 s', strikes: [frozen] },
  { key: 'loss', title: '2 s round trips, 5 % packet loss', strikes: [], badLink: true },
  { key: 'sink', title: 'database of the receiver locked for up to 1.4 s at a time', strikes: [sinkLocked] },
  {
    key: 'everything',
    title: 'up to three different faults at once',
    strikes: [edgeKilled, brokerKilled, receiverKilled, frozen, cut, sinkLocked],
    atOnceMax: 3,
  },
]
