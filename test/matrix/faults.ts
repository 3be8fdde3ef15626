import { existsSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { pause } from '../../src/base/clock.ts'
import { CONFIRM_TIMEOUT_MS, type Scene } from './scene.ts'

/** Does its harm, and puts it right again. */
export type Strike = (scene: Scene) => Promise<void>

export interface Fault {
  readonly key: string
  readonly title: string
  /** Each strike of the run is one of them, or several at once. */
  readonly strikes: readonly Strike[]
  readonly atOnceMax?: number
  /** True: the uplink leads over a link that is bad all the time. */
  readonly badLink?: boolean
}

/** A start that fails is tried again, as a service manager does. */
const STARTS_MAX = 5
const START_AGAIN_MS = 300
const DOWN_MS_MAX = 800
const FREEZE_MORE_MS_MAX = 1_500
/** How long the database of the receiver is held at a time: up to seven times what a commit waits for it. */
const HOLD_MS_MIN = 50
const HOLD_MS_MAX = 1_400
const HOLDS = 4
const HOLD_GAP_MS = 30

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

/** The link of one of the two swallows everything, for longer than it takes to be noticed. */
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

/** Somebody else writes into the database of the receiver: commits take long, or fail. */
const sinkHeld: Strike = async (scene) => {
  const file = join(scene.receiver.folder, 'received.db')
  for (let hold = 0; hold < HOLDS; hold++) {
    await held(file, between(scene, HOLD_MS_MIN, HOLD_MS_MAX))
    await pause(HOLD_GAP_MS)
  }
}

async function held(file: string, ms: number): Promise<void> {
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
    title: 'killed at once: every pair of the three, and all',
    strikes: [
      together(edgeKilled, brokerKilled),
      together(edgeKilled, receiverKilled),
      together(brokerKilled, receiverKilled),
      together(edgeKilled, brokerKilled, receiverKilled),
    ],
  },
  { key: 'frozen', title: 'link frozen for 2 to 3.5 s', strikes: [frozen] },
  { key: 'loss', title: '2 s round trips, 5 % of the packets lost', strikes: [], badLink: true },
  { key: 'sink', title: 'sink held up to 1.4 s at a time', strikes: [sinkHeld] },
  {
    key: 'everything',
    title: 'everything at once',
    strikes: [edgeKilled, brokerKilled, receiverKilled, frozen, cut, sinkHeld],
    atOnceMax: 3,
  },
]
