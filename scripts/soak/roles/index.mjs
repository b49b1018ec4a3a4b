// Who does what: by thread of a process, so that every file is used from several processes and several threads at once.
import * as churn from './churn.mjs'
import * as count from './count.mjs'
import * as cut from './cut.mjs'
import * as read from './read.mjs'
import * as readCut from './read-cut.mjs'
import * as resize from './resize.mjs'
import * as search from './search.mjs'
import * as watch from './watch.mjs'
import * as write from './write.mjs'

export const threads = [
  [write, count, churn, readCut],
  [read, resize, count, cut],
  [read, write, search, watch, readCut],
]
