import { expect, it } from 'vitest'
import { tempFolder } from '../../../support/folder.ts'
import { runTidegate } from '../../../support/process.ts'
import { runHousekeeping } from '../../store/sealed.ts'
import { appendMany, openStore, tamper } from '../../store/stores.ts'
import { runHere } from '../recorder.ts'

it('`tidegate check` says that a store holds no readings yet', async () => {
  const folder = tempFolder()
  openStore(folder).close()
  expect(await runHere(['check', '--data', folder])).toMatchObject({
    code: 0,
    stdout: 'no problems: the store holds no readings yet\n',
  })
})

it('`tidegate check` reports a wrong summary until `--repair` computes it again', async () => {
  const folder = tempFolder()
  const store = openStore(folder, { sealRows: 64 })
  appendMany(store, 200)
  runHousekeeping(store)
  store.close()
  tamper(folder, 'UPDATE blocks SET value_max = 1000')
  const check = ['check', '--data', folder]
  const found = await runTidegate(check)
  expect(found).toMatchObject({ code: 1, stdout: expect.stringContaining('valueMax 1000 instead of 1') })
  const repaired = await runTidegate([...check, '--repair', '--json'])
  expect(JSON.parse(repaired.stdout)).toMatchObject({ sound: true, problems: [], repaired: expect.any(Number) })
  expect(await runTidegate(check)).toMatchObject({ code: 0, stdout: expect.stringContaining('no problems') })
})
