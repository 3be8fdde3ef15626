import { Exit, OperatorError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import type { EdgeState } from '../../../config/edge/state.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'

const DEVICE_BYTES_MAX = 128

/** @throws OperatorError (exit 64) if the name is too long or is not a valid single level of an MQTT topic */
export function checkDevice(device: string): string {
  const fits = device !== '' && Buffer.byteLength(device) <= DEVICE_BYTES_MAX && !/[/+#\0]/.test(device)
  if (fits && device.isWellFormed()) return device
  throw new OperatorError(`"${device}" cannot be the name of a device`, {
    remedy: `use 1 to ${DEVICE_BYTES_MAX} bytes without /, +, # and NUL: the name is one level of the topic devices/DEVICE/config`,
    exitCode: Exit.USAGE,
  })
}

/** The config state of a device. @throws OperatorError if the edge has none */
export function knownState(configs: ConfigReader, device: string): EdgeState {
  const state = configs.state(device)
  if (state === undefined) throw unknownDevice(configs, device)
  return state
}

/** @throws OperatorError if the edge has no config state of the device, and no waiting order names it */
export function checkKnown(configs: ConfigReader, device: string): void {
  if (configs.state(device) === undefined && configs.ordered(device) === 0) throw unknownDevice(configs, device)
}

function unknownDevice(configs: ConfigReader, device: string): OperatorError {
  const ordered = configs.ordered(device)
  if (ordered === 0) {
    return new OperatorError(`there is no config of device "${device}"${suggestion(device, configs.devices())}`, {
      remedy: '`tidegate config list` lists all devices with a config',
    })
  }
  const waits = ordered === 1 ? 'an edit of it waits' : `${ordered} edits of it wait`
  return new OperatorError(`there is no config of device "${device}" yet: ${waits} for the edge`, {
    remedy: 'start the edge: it carries out the waiting edits',
  })
}
