/** All rows, in the order of the report. A new row is an entry in the file of its subject, or a new file with a line here. */
import { rows as atomic } from './atomic.mjs'
import { rows as check } from './check.mjs'
import { rows as cold } from './cold.mjs'
import { rows as open } from './open.mjs'
import { rows as readInto } from './read-into.mjs'
import { rows as record } from './record.mjs'
import { rows as search } from './search.mjs'
import { rows as slice } from './slice.mjs'
import { rows as stream } from './stream.mjs'
import { rows as update } from './update.mjs'
import { rows as worker } from './worker.mjs'

export const rows = [...record, ...readInto, ...slice, ...update, ...check, ...atomic, ...search, ...cold, ...open, ...worker, ...stream]
