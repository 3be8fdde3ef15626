import { systemClock } from '../../base/clock.ts'
import { Exit, OperatorError } from '../../base/errors.ts'
import { suggestion } from '../../base/nearest.ts'
import { pattern } from '../../base/pattern.ts'
import type { LedgerRow } from '../../store/ledger.ts'
import { command } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withReader } from '../reader.ts'

const DEVICES_MAX = 1_000
/** The account in the ledger to which the counters of forgotten devices are added. */
const OTHERS = '*'

export const devicesForget = command({
  name: 'devices forget',
  summary: 'Remove all readings, rejects and series of devices that no longer exist',
  notes: [
    'DEVICE is the name of a device, or a pattern: `*` matches any number of characters. Readings that an uplink has not confirmed are kept until they are confirmed, unless --even-unconfirmed is given; then the ledger counts them as dropped. The ledger adds the counters of a removed device to the device `*`.',
    'The command stores an order in the database. A running edge begins within a second, a stopped one when it starts. Readings that arrive after the order are kept.',
  ],
  options: {
    ...storeOptions,
    yes: { kind: 'flag', help: 'Forget all devices that a pattern matches, also if they are several' },
    'even-unconfirmed': { kind: 'flag', help: 'Also remove readings that an uplink has not confirmed: they are lost' },
  },
  operands: { value: 'DEVICE', help: 'Name of a device, or a pattern with *', min: 1, max: DEVICES_MAX },
  examples: [
    'devices forget pump-7 -s examples/edge.yaml',
    "devices forget 'rnd*' --yes --even-unconfirmed --data examples/data/plant-7",
  ],
  async run({ values, operands, output, env }) {
    const folder = await dataFolder(values, env)
    const ledger = await withReader(folder, (reader) => reader.ledger())
    const unconfirmed = values['even-unconfirmed']
    const { placeOrder } = await import('../../store/orders.ts')
    const orders = operands.map((devices) => ({ devices, chosen: chosenBy(devices, ledger) }))
    if (!values.yes) for (const one of orders) refuseSeveral(one)
    for (const { devices, chosen } of orders) {
      placeOrder(folder, { kind: 'forget-devices', devices, unconfirmed }, systemClock.now())
      const names = chosen.length === 1 ? `device ${devices}` : `${chosen.length} devices`
      output.print(`ordered to forget ${names}; a running edge begins within a second`)
      const waiting = chosen.reduce((sum, row) => sum + unconfirmedOf(row), 0)
      if (waiting > 0 && !unconfirmed) {
        output.note(
          `${waiting} readings are not confirmed and stay until they are; to lose them, add --even-unconfirmed`,
        )
      }
    }
    return Exit.OK
  },
})

/** @throws OperatorError if a pattern matches several devices */
function refuseSeveral({ devices, chosen }: { readonly devices: string; readonly chosen: readonly LedgerRow[] }): void {
  if (chosen.length < 2) return
  const readings = chosen.reduce((sum, { stored }) => sum + stored, 0)
  throw new OperatorError(`"${devices}" matches ${chosen.length} devices, which have stored ${readings} readings`, {
    remedy: 'add --yes to forget all of them',
    exitCode: Exit.USAGE,
  })
}

/** @throws OperatorError if there is no such device; the account `*` of forgotten devices is none */
function chosenBy(devices: string, ledger: readonly LedgerRow[]): LedgerRow[] {
  const matches = pattern(devices)
  const chosen = ledger.filter(({ device }) => device !== OTHERS && (device === devices || matches(device)))
  if (chosen.length > 0) return chosen
  const names = ledger.map(({ device }) => device)
  throw new OperatorError(`the store has no device "${devices}"${suggestion(devices, names)}`, {
    remedy: '`tidegate devices` lists the devices',
  })
}

/** Readings that at least one uplink has not confirmed; of the uplink that has the most of them. */
function unconfirmedOf({ perUplink }: LedgerRow): number {
  return Math.max(0, ...Object.values(perUplink).map(({ waiting, parked }) => waiting + parked))
}
