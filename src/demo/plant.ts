import type { Value } from '../base/reading.ts'
import { cavitates, clockErrorMs, type Fault, isForgotten, isGarbled, withSpikes, withSticking } from './faults.ts'
import {
  coldStoreTemperature,
  gateOpen,
  hallTemperature,
  litresCounted,
  pressure,
  type Signal,
  type SignalMoment,
  vibration,
} from './signals.ts'

type Kind = 'hall' | 'cold-store' | 'pump' | 'meter' | 'gate'

/** The message of a device at one moment. */
export interface SimulatedMessage {
  readonly topic: string
  readonly payload: Buffer
  /** Number of readings in it; 0: it cannot be decoded. */
  readonly readings: number
  /** The device loses the acknowledgement and sends the message a second time. */
  readonly repeated: boolean
}

/** A simulated device: a pure function of time. It never gives two readings of a metric the same time. */
export interface SimulatedDevice {
  readonly name: string
  readonly fault: Fault | undefined
  messageAt(moment: SignalMoment): SimulatedMessage
}

/** The devices of a plant; a larger plant repeats the list. The first ten have every fault. */
const PLANT: readonly (readonly [Kind, Fault?])[] = [
  ['hall'],
  ['hall', 'spikes'],
  ['pump'],
  ['pump', 'cavitates'],
  ['cold-store', 'sticks'],
  ['hall', 'clock-late'],
  ['hall', 'clock-early'],
  ['meter', 'forgets-acknowledgements'],
  ['meter', 'garbles'],
  ['gate'],
  ['hall'],
  ['hall'],
  ['hall'],
  ['cold-store'],
  ['cold-store'],
  ['pump'],
  ['pump'],
  ['pump'],
  ['meter'],
  ['gate'],
]

/** Builds `count` devices, each with its own seed: `hall-1`, `hall-2`, `pump-1`, … */
export function buildPlant(count: number, seed: number): SimulatedDevice[] {
  const named = new Map<Kind, number>()
  return Array.from({ length: count }, (_, i) => {
    const [kind, fault] = PLANT[i % PLANT.length]!
    const number = (named.get(kind) ?? 0) + 1
    named.set(kind, number)
    return buildDevice(`${kind}-${number}`, { kind, fault, seed: seed + i * 7_919 })
  })
}

function buildDevice(
  name: string,
  { kind, fault, seed }: { kind: Kind; fault: Fault | undefined; seed: number },
): SimulatedDevice {
  const measure = MEASUREMENTS[kind](seed, fault)
  return {
    name,
    fault,
    messageAt(moment) {
      const { metric, body, readings } = measure(moment, moment.ts + clockErrorMs(fault))
      const payload = Buffer.from(JSON.stringify(body))
      const garbled = isGarbled(fault, moment.index)
      return {
        topic: metric === undefined ? `telemetry/${name}` : `telemetry/${name}/${metric}`,
        payload: garbled ? payload.subarray(0, payload.length >> 1) : payload,
        readings: garbled ? 0 : readings,
        repeated: isForgotten(fault, moment.index),
      }
    },
  }
}

/** The message of a kind of device: one metric named by the topic, or an object of several. `ts`: the device's own clock. */
type Measure = (moment: SignalMoment, ts: number) => { metric?: string; body: object; readings: number }

const MEASUREMENTS: Readonly<Record<Kind, (seed: number, fault: Fault | undefined) => Measure>> = {
  hall: (seed, fault) => {
    const healthy = hallTemperature(seed)
    return single('temperature', fault === 'spikes' ? withSpikes(healthy) : healthy, 'Cel')
  },
  'cold-store': (seed, fault) => {
    const healthy = coldStoreTemperature(seed)
    return single('temperature', fault === 'sticks' ? withSticking(healthy) : healthy, 'Cel')
  },
  pump: (seed, fault) => {
    const outlet = pressure(seed)
    const shaking = vibration(seed + 1)
    return (moment, ts) => {
      const air = fault === 'cavitates' && cavitates(moment)
      const body = {
        ts,
        pressure: { value: air ? outlet(moment) - 2.6 : outlet(moment), unit: 'bar' },
        vibration: { value: air ? shaking(moment) + 6 : shaking(moment), unit: 'mm/s' },
        state: air ? 'cavitating' : 'running',
      }
      return { body, readings: 3 }
    }
  },
  meter: (seed) => single('volume', litresCounted(seed), 'L'),
  gate: (seed) => single('open', gateOpen(seed)),
}

function single(metric: string, signal: Signal<Exclude<Value, Uint8Array>>, unit?: string): Measure {
  return (moment, ts) => ({ metric, body: { value: signal(moment), unit, ts }, readings: 1 })
}
