# Seeds of what the simulation once could not see: each failed when its kind of trouble and its judge were new. FEATURES:SEED.
set(blind_spots
  single:19 single:45              # a lone job is complete, and nobody rings
  strangers:14 strangers:20        # another program's batch is canceled
  strangers:25                     # a second offpeak's batch is canceled
  lists:5 lists:17                 # a list that was not whole counts as clean: sent again beside its batch
  gateway:14 gateway:20 gateway:29 # a POST was repeated, and the state does not know of the second batch
  gateway:7                        # ... and of two that came late only one was found
  workspaces:3 workspaces:14 workspaces:15 workspaces:18 # the list of another workspace counts as clean
  backups:140 backups:141)         # as single: two jobs, of which one hangs

foreach(spot ${blind_spots})
  string(REPLACE ":" ";" parts ${spot})
  list(GET parts 0 features)
  list(GET parts 1 seed)
  offpeak_simtest(blind_${features}_${seed} --small --features ${features} --seeds ${seed}..${seed})
endforeach()
