/** What the checks for lost pages cost: each method against itself without them. */

import { loadCopy } from '../lib/copy.mjs'
import { MiB, recordFile } from '../lib/records.mjs'
import { rows as readInto } from './read-into.mjs'
import { rows as slice } from './slice.mjs'
import { rows as update } from './update.mjs'

const withoutChecks = (row) => ({
  ...row,
  name: `${row.name}-checks`,
  work: `${row.work.split(' of 1 GiB')[0]}, with the checks for lost pages against without`,
  ours: { does: row.ours.does, open: async (file) => row.ours.open(file, await loadCopy(file, true)) },
  rival: {
    does: 'the same, made to find no lost page without a look',
    open: async (file) => row.ours.open(file, await loadCopy(file, false)),
  },
  goal: { none: true },
  cache: 'hot MiB',
})

export const rows = [
  ...[...slice, ...readInto].map((row) => ({ ...withoutChecks(row), setup: (folder) => recordFile(folder, MiB) })),
  ...update.map(withoutChecks),
]
