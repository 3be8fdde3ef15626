import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { onMetric, readingsOf } from '../support.ts'

const claimOf = (quality: unknown): { quality: number; reasons: number } =>
  readingsOf(onMetric(JSON.stringify({ value: 1, quality })))[0]!.claim as { quality: number; reasons: number }

const spread = (...names: string[]): string[] => names

/** OPC UA Part 6, annex A.2 (StatusCode.csv): codes of data access, history and aggregates, and common ones. */
const CODES: ReadonlyMap<string, number> = new Map(
  spread(
    'Good 00000000, Uncertain 40000000, Bad 80000000, BadUnexpectedError 80010000, BadInternalError 80020000',
    'BadResourceUnavailable 80040000, BadCommunicationError 80050000, BadTimeout 800A0000, BadShutdown 800C0000',
    'BadServerNotConnected 800D0000, BadServerHalted 800E0000, BadUserAccessDenied 801F0000',
    'BadInvalidTimestamp 80230000, BadNoCommunication 80310000, BadWaitingForInitialData 80320000',
    'BadNodeIdInvalid 80330000, BadNodeIdUnknown 80340000, BadNotReadable 803A0000, BadOutOfRange 803C0000',
    'BadNotSupported 803D0000, BadNotFound 803E0000, BadObjectDeleted 803F0000, BadNotImplemented 80400000',
    'BadTypeMismatch 80740000, BadConfigurationError 80890000, BadNotConnected 808A0000, BadDeviceFailure 808B0000',
    'BadSensorFailure 808C0000, BadOutOfService 808D0000, BadNoData 809B0000, BadDataLost 809D0000',
    'BadDataUnavailable 809E0000, BadBoundNotFound 80D70000, BadAggregateInvalidInputs 80D60000',
    'BadNoDataAvailable 80B10000, BadNoValue 80F00000, BadNumericOverflow 81120000, BadEdited_OutOfRange 81190000',
    'BadOutOfRange_DominantValueChanged_DependentValueChanged 811D0000, BadDisconnect 80AD0000',
    'UncertainNoCommunicationLastUsableValue 408F0000, UncertainLastUsableValue 40900000',
    'UncertainSubstituteValue 40910000, UncertainInitialValue 40920000, UncertainSensorNotAccurate 40930000',
    'UncertainEngineeringUnitsExceeded 40940000, UncertainSubNormal 40950000, UncertainDataSubNormal 40A40000',
    'UncertainOverRange 40F20000, UncertainUnderRange 40F30000, UncertainTransducerInManual 42080000',
    'UncertainSimulatedValue 42090000, UncertainSensorCalibration 420A0000, UncertainConfigurationError 420F0000',
    'GoodLocalOverride 00960000, GoodClamped 00300000, GoodOverload 002F0000, GoodSubNormal 00EB0000',
    'GoodEntryInserted 00A20000, GoodNoData 00A50000, GoodMoreData 00A60000, GoodEdited 00DC0000',
    'GoodDependentValueChanged 00E00000, GoodCascade 04090000, GoodFaultStateActive 04070000',
  )
    .flatMap((line) => line.split(', '))
    .map((one) => [one.split(' ')[0]!, Number.parseInt(one.split(' ')[1]!, 16)]),
)
const SEVERITIES = { Good: 1, Uncertain: 3, Bad: 4 } as const

describe('a StatusCode of OPC UA', () => {
  it.each([...CODES])('%s is the same as its number, in every spelling of both', (name, code) => {
    const claim = claimOf(name)
    const severity = /^(Good|Uncertain|Bad)/.exec(name)![1] as keyof typeof SEVERITIES
    // A value that the device calls missing is a filler, and therefore bad.
    if ((claim.reasons & Reason.MISSING) === 0) expect(claim.quality).toBe(SEVERITIES[severity])
    else expect(claim.quality).toBe(4)
    const hex = `0x${code.toString(16).padStart(8, '0')}`
    const spellings: unknown[] = [
      `${name} (${hex})`,
      `${name} (${hex.toUpperCase().replace('X', 'x')})`,
      ` ${name} `,
      `OpcUa_${name}`,
      `StatusCodes.${name}`,
      name.replace(/^(Good|Uncertain|Bad)(?=.)/, '$1_'),
      hex,
      hex.toUpperCase().replace('X', 'x'),
      { Code: code },
      { code, symbol: name },
      { Symbol: name },
    ]
    if (code !== 0) spellings.push(code, String(code), code + 0x400)
    if (code >= 0x8000_0000) spellings.push(code | 0)
    for (const spelling of spellings) {
      if (severity === 'Good' && typeof spelling === 'string' && /^Good_(?!.*\()/.test(spelling) && code !== 0) {
        // With a separator it is prose; only names in the table are understood.
        expect([claim.quality, 3]).toContain(claimOf(spelling).quality)
      } else expect(claimOf(spelling), JSON.stringify(spelling)).toEqual(claim)
    }
  })

  it('says why for the codes that have a reason of their own', () => {
    expect(claimOf('BadSensorFailure').reasons).toBe(Reason.DEVICE_FAILURE)
    expect(claimOf('UncertainLastUsableValue').reasons).toBe(Reason.TIME_STALE)
    expect(claimOf('UncertainSubstituteValue').reasons).toBe(Reason.SUBSTITUTED)
    expect(claimOf('GoodLocalOverride').reasons).toBe(Reason.MANUAL)
  })

  it('is never better than its severity, whatever its number is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0x1_0000, max: 0xffff_ffff }), (code) => {
        const { quality } = claimOf(code)
        if (code >= 0x8000_0000) expect(quality).toBe(4)
        else if (code >= 0x4000_0000) expect(quality).toBe(3)
      }),
    )
  })

  it('with any other name has the severity with which the name begins, and is good only as an identifier', () => {
    expect(claimOf('BadVendorSpecific').quality).toBe(4)
    expect(claimOf('Bad_Stale').quality).toBe(4)
    expect(claimOf('uncertain: drifting').quality).toBe(3)
    expect(claimOf('GoodVendorSpecific').quality).toBe(1)
    expect(claimOf('good: estimated').quality).toBe(3)
  })
})
