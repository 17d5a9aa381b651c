/*
 * The submit-and-settle protocol (product contract, section 6) as a model for spin; run.sh beside it runs the checks.
 *
 * Two processes share what is between them. Daemon is one loop whose options are the steps of the stages pack, submit,
 * settle and results in any order: each option is one database transaction or one effect on the wire, and a crash may
 * come between any two. Provider takes bodies, creates or not, answers or not, lists batches late, ends them.
 *
 * Checked in every reachable state:
 *   C1  no request is in two batches that both may run it         assert in create()
 *   C2  a nonce is POSTed once; a nonce is an intent              assert in T3
 *   C3  no POST while another intent of the same requests is      assert in T3
 *       uploading, committing or unknown, or its batch runs
 *   C4  a request is in exactly one of pending, assigned,         assert in accounts()
 *       submitted, done
 *   C5  every execution ends, every request then has its one      no cycle, no invalid end state, and the asserts
 *       outcome and was paid for once, nothing is unsettled       behind the loop of Daemon
 *   C6  the start-up guard raises no false alarm                  assert in T16
 *   C7  a batch that an answer or a nonce proved ours is ours     assert in T15
 *   C8  nobody else's batch is canceled                           assert in T19, T20
 *
 *       transition                                        code                                       contract
 *   T1  the watermark is read                             Packer::send                               6.1
 *   T2  the intent is written: requests, count, nonce     Queue::create_intent, plan_batch           6.1, 6.5
 *   T3  the POST begins: all bytes but the last           Submitter::submit, Submitter::send         6.2
 *   T4  committing becomes durable                        Submitter::Commit::commit                  6.3
 *   T5  the last byte leaves                              Uploader::send_last_byte                   6.3
 *   T6  an answer, or a failure of ours, before T4:       verdict_on_create, Queue::record_refused   6.2
 *       uploading -> rejected
 *   T7  200 with an id: committing -> created             record_created_once,                       6.4
 *                                                         Queue::record_answered
 *   T8  a proven no: committing -> rejected               consequence_of, Queue::record_refused      6.4
 *   T9  anything else, a time-out too:                    consequence_of, Queue::mark_unknown        6.4
 *       committing -> unknown
 *   T10 crash and recovery: uploading -> rejected,        Queue::recover                             6.2, 6.4
 *       committing -> unknown
 *   T11 the submitter alone breaks off: the same          Submitter::conclude_interrupted            6.2, 6.4
 *   T12 the list is read down to the watermark            Settler::look, walk_list                   6.5
 *   T12_failed  a page of it failed                       Settler::look                              6.5
 *   T13 adopt, peek, look again, or not created           candidates, decide, Settler::adopt,        6.5
 *                                                         Settler::peek, Queue::record_not_created,
 *                                                         Settler::hidden_from
 *   T14 a look interval passes                            Settler::run                               6.5
 *   T15 an ended batch: outcomes, or another attempt,     Collector::collect, Collector::disprove,   6.5, 7
 *       or not ours: created -> unknown                   Queue::disprove_batch, Queue::rebook_batch
 *   T16 the start-up guard                                Guard::compare, Queue::see_list,           6.7
 *                                                         Guard::take_what_is_older
 *   T17 a backup is made
 *   T18 it is put back                                                                           6.7
 *   T19 a job is canceled: what is proven ours                                                   6.6
 *   T20 what is found behind a verdict: the same                                                 6.6
 *   T21 a forgotten batch is claimed by its nonces                                               6.7
 *   T22 a list shows nothing that the restored state      Guard::compare_after_restore,              6.7
 *       forgot: it sends again                            Queue::end_restore
 *   P1 to P9: the provider, and another tenant of the workspace.
 *
 * Time passes in look intervals (T14). A batch is listed at the latest LAG intervals after it was created, and a body
 * that is complete when its connection is given up is created or dropped, and listed, within the same LAG. CLEAN clean
 * lists, one an interval, stand for "at least five, spread over settle_unknown". The assumption that the contract rests
 * on, a lag shorter than settle_unknown, is LAG < CLEAN.
 *
 * A list is read in pages of PAGE batches, newest first; between two of them anything may happen. A list that the provider
 * ends before the watermark proves nothing, and is a failed page here. RESTORE: the state of some moment is put back
 * once. From then on every listed batch that the state does not know holds submitting until its nonce was seen, whatever
 * its count explains. Where the state does not know a file in claimed/, it is known that it was put back: then nothing is
 * sent before everything that the state knows is settled and proven, CLEAN intervals have passed, and a list read after
 * that shows nothing else; so what was sent just before may be created, and listed, after the start. Where nothing tells,
 * everything that was created is listed (systemd/README.md: not in the same minute).
 *
 * Bounds: FAULTS limits what goes wrong in one execution: crashes, failures of ours, refusals, lost answers, failed
 * lists, expired batches. Only a fault can cost an intent, so FAULTS + REQUESTS intents are enough; the packer
 * takes any part of what waits as long as there is more than that reserve (SPARE), then all of it. A batch succeeds or
 * expires as a whole: the results of single lines are no part of this protocol. The late twin of 6.6 needs LAG >= CLEAN
 * and is left out, and so is an operator's word (reconcile).
 */

#ifndef REQUESTS
#define REQUESTS 3 /* or 2 */
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#if FAULTS + REQUESTS > 5
#error "there are slots for 5 intents"
#endif
#ifndef LAG
#define LAG 2
#endif
#ifndef CLEAN
#define CLEAN 3
#endif
#ifndef FOREIGN
#define FOREIGN 0 /* 1: another tenant creates one batch; exclusive = false */
#endif
#ifndef PAGE
#define PAGE 6 /* batches; 6: all there can be */
#endif
#ifndef RESTORE
#define RESTORE 0 /* 1: an old state is put back once */
#endif

/* ONLY_DOUBLES: without C6, which many a double trips first. SABOTAGE_*: one rule is broken. Both are for run.sh. */

#if RESTORE > 0
#define INTENTS 5 /* those of the time that is lost count too */
#else
#define INTENTS (FAULTS + REQUESTS)
#endif
#define INTENT_SLOTS 5
#define BATCH_SLOTS 6
#define NOBODY 255

/* Sets are bytes, one bit a member. */
#define ALL ((1 << REQUESTS) - 1)
#define BIT(n) (1 << (n))
#define SIZE(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1))

/* For each slot of an intent, of a batch. */
#define ANY(p) (p(0) || p(1) || p(2) || p(3) || p(4))
#define SUM(p) (p(0) + p(1) + p(2) + p(3) + p(4))
#define CHOOSE(p, into) \
  if :: p(0) -> into = 0 :: p(1) -> into = 1 :: p(2) -> into = 2 :: p(3) -> into = 3 :: p(4) -> into = 4 fi
#define ANY_BATCH(p) (p(0) || p(1) || p(2) || p(3) || p(4) || p(5))
#define CHOOSE_BATCH(p, into) \
  if :: p(0) -> into = 0 :: p(1) -> into = 1 :: p(2) -> into = 2 :: p(3) -> into = 3 :: p(4) -> into = 4 \
     :: p(5) -> into = 5 fi

mtype:intent = { none, uploading, committing, created, rejected, unknown, not_created, collected };
mtype:submitter = { idle, streaming, committed, sent };
mtype:wire = { quiet, partial, complete, answered };
mtype:answer = { nothing, ok, no, bad }; /* no: in the API's shape; bad: a 5xx, a reset, an unreadable 200 */
mtype:batch = { running, succeeded, expired };

/* Durable: what the database holds. */
mtype:intent state[INTENT_SLOTS] = none;
byte requests[INTENT_SLOTS];  /* a set */
byte watermark[INTENT_SLOTS]; /* the first batch that is newer */
byte excluded[INTENT_SLOTS];  /* a set of batches */
byte adopted[INTENT_SLOTS];   /* created: its batch */
bool proven[INTENT_SLOTS];
byte intents;                 /* the next one's number, which is its nonce */
byte known;                   /* a set of batches */
byte newest_known;            /* the first batch that is newer */
byte pending = ALL, assigned, submitted, done; /* sets of requests */

/* Volatile: gone with the process. */
mtype:submitter submitter = idle;
byte current;
bool watermark_read;
byte watermark_now;
byte clean[INTENT_SLOTS];     /* Observation::clean_lists */
byte looked;                  /* a set of intents: had their look in this interval */
byte waits_for_news;          /* a set of intents: another look at the same list would say the same */
byte looking = NOBODY;
byte listed;                  /* a set of batches: what `looking` saw */
byte page_end;                /* where its next page begins; 0: it has reached the watermark */
bool guard_passed = true;     /* a new, empty state takes the newest batch as known */

/* At the provider. */
mtype:wire wire = quiet;
mtype:answer answer = nothing;
byte answer_batch;
byte body;                    /* a set of requests: what the one POST on the wire carries */
byte posted;                  /* a set of intents: the nonces that were seen */
byte held_body[INTENT_SLOTS]; /* a set of requests: complete, nobody waits for its answer, created later or dropped */
byte held_age[INTENT_SLOTS];
byte batches;
byte nonce[BATCH_SLOTS];      /* the intent + 1; 0: another tenant's */
byte cargo[BATCH_SLOTS];      /* a set of requests; for another tenant only its size means something */
mtype:batch status[BATCH_SLOTS] = running;
bool visible[BATCH_SLOTS];
byte age[BATCH_SLOTS];        /* while it is not visible */
byte may_run, paid;           /* sets of requests: in a batch that runs, in one that succeeded */

#if RESTORE > 0
/* The backup: every durable variable, as it was. */
bool saved, restored;
bool waits_for_list;          /* from T18 to T22 */
byte since_start;             /* intervals, while it waits */
byte guard_floor;             /* newest_known of T18, while it waits */
mtype:intent saved_state[INTENT_SLOTS] = none;
byte saved_requests[INTENT_SLOTS], saved_watermark[INTENT_SLOTS], saved_excluded[INTENT_SLOTS];
byte saved_adopted[INTENT_SLOTS];
bool saved_proven[INTENT_SLOTS];
byte saved_known, saved_newest_known, saved_pending, saved_assigned, saved_submitted, saved_done;
#endif
byte strange;                 /* a set of batches: found by the guard, not proven or claimed yet; they hold submitting */
#if FOREIGN > 0
byte audited;                 /* a set of sizes: of intents that were settled as not created */
#endif

byte faults = FAULTS;
byte foreign_batches = FOREIGN;
byte choice, provider_choice;
hidden byte i, j, n, hits, found, ended;

#define SENDING(x) (state[x] == uploading || state[x] == committing)
#define UPLOADING(x) (state[x] == uploading)
#define UNKNOWN(x) (state[x] == unknown)
#define UNSETTLED(x) (SENDING(x) || UNKNOWN(x))

#define UNPROVEN(x) (state[x] == created && !proven[x])
#define MAY_COME_BACK(x) (UNKNOWN(x) || UNPROVEN(x))

/* PackLimits::taken_counts: two unsettled intents of one size could not be told apart in a list. An intent that adopted
 * a batch keeps its count until results prove it: disproved, it looks on among the batches of that size. */
#if defined(SABOTAGE_EQUAL_COUNTS)
#define HOLDS_COUNT(x) (false)
#elif defined(SABOTAGE_UNPROVEN_COUNT_FREE)
#define HOLDS_COUNT(x) UNSETTLED(x)
#else
#define HOLDS_COUNT(x) (UNSETTLED(x) || UNPROVEN(x))
#endif
#define TAKES(x, size) (HOLDS_COUNT(x) && SIZE(requests[x]) == (size))
#define TAKEN(size) (TAKES(0, size) || TAKES(1, size) || TAKES(2, size) || TAKES(3, size) || TAKES(4, size))
#define SPARE (INTENTS - intents >= faults + SUM(MAY_COME_BACK) + 2)
#define PACKABLE(set) \
  (pending && ((set) & pending) == (set) && ((set) == pending || SPARE) && !TAKEN(SIZE(set)))
#define PACKABLE_ANY \
  (PACKABLE(1) || PACKABLE(2) || PACKABLE(3) || PACKABLE(4) || PACKABLE(5) || PACKABLE(6) || PACKABLE(7))
/* closed_gate: one at a time. */
#ifdef SABOTAGE_STRANGE_HOLDS_NOTHING
#define STRANGE_HOLDS (false)
#else
#define STRANGE_HOLDS (strange != 0)
#endif
#if RESTORE > 0
#define WAITS_FOR_LIST waits_for_list
#define FLOOR (waits_for_list -> guard_floor : newest_known)
#else
#define WAITS_FOR_LIST false
#define FLOOR newest_known
#endif
#define GATE_OPEN (guard_passed && !WAITS_FOR_LIST && !STRANGE_HOLDS && !ANY(SENDING) && intents < INTENTS && PACKABLE_ANY)

#define TO_LOOK_AT(x) (UNKNOWN(x) && !((looked | waits_for_news) & BIT(x)))
#define LOOKED_AT(x) (UNKNOWN(x) && (looked & BIT(x)) && !(waits_for_news & BIT(x)))
#define COLLECTABLE(x) (state[x] == created && status[adopted[x]] != running)
#define HELD(x) (held_body[x] != 0)
#define HIDDEN(b) (b < batches && !visible[b])
#define RUNNING(b) (b < batches && status[b] == running)
#define OVERDUE_BODY(x) (HELD(x) && held_age[x] >= LAG)
#define OVERDUE_BATCH(b) (HIDDEN(b) && age[b] >= LAG)

/* What the settler adopts raises newest_known: before the guard has read it, batches below would not be found. */
#if RESTORE > 0 && !defined(SABOTAGE_SETTLES_BEFORE_THE_GUARD)
#define SETTLING guard_passed
#else
#define SETTLING true
#endif
#if RESTORE > 0
#define WAITS_LONGER (waits_for_list && since_start < CLEAN)
#else
#define WAITS_LONGER false
#endif
#ifdef SABOTAGE_UNPROVEN_IS_DECIDED
#define RESTORE_DECIDED (strange == 0)
#else
#define RESTORE_DECIDED (strange == 0 && !ANY(UNSETTLED) && !ANY(UNPROVEN))
#endif
#define CLAIMABLE(b) ((strange & ~known & BIT(b)) && status[b] != running)
#ifdef SABOTAGE_CANCEL_UNPROVEN
#define CANCELABLE(x) (state[x] == created)
#else
#define CANCELABLE(x) (state[x] == created && proven[x])
#endif
#define AUDITED(b) (visible[b] && !(known & BIT(b)) && (audited & BIT(SIZE(cargo[b]))) && !TAKEN(SIZE(cargo[b])))

inline news() { waits_for_news = 0 }

/* C4 */
inline accounts() {
  assert((pending | assigned | submitted | done) == ALL);
  assert(SIZE(pending) + SIZE(assigned) + SIZE(submitted) + SIZE(done) == REQUESTS)
}

/* Nothing of a settled intent matters any more; what does not matter is zero, so that equal states are equal. */
inline forget(x) {
  requests[x] = 0;
  watermark[x] = 0;
  excluded[x] = 0;
  adopted[x] = 0;
  proven[x] = false;
  clean[x] = 0;
  looked = looked & ~BIT(x);
  waits_for_news = waits_for_news & ~BIT(x)
}

/* give_back: pending again, for a new intent. */
inline give_back(x, end) {
  state[x] = end;
  assigned = assigned & ~requests[x];
  pending = pending | requests[x];
  accounts();
  forget(x)
}

/* Queue::record_created */
inline record_created(x, b, is_proven) {
  state[x] = created;
  adopted[x] = b;
  proven[x] = is_proven;
  known = known | BIT(b);
  if
  :: newest_known <= b -> newest_known = b + 1
  :: else
  fi;
  assigned = assigned & ~requests[x];
  submitted = submitted | requests[x];
  accounts();
  clean[x] = 0;
  looked = looked & ~BIT(x);
  news()
}

/* Queue::mark_unknown */
inline mark_unknown(x) {
#ifdef SABOTAGE_BLIND_RETRY
  give_back(x, rejected)
#else
  state[x] = unknown
#endif
}

/* Our end of the connection closes. The provider may hold the whole body. */
inline hang_up() {
  if
  :: wire == complete ->
     held_body[current] = body;
     held_age[current] = 0
  :: else
  fi;
  wire = quiet;
  answer = nothing;
  answer_batch = 0;
  body = 0;
  submitter = idle;
  current = 0
}

/* What a batch of the time that is lost has run is done, wherever the restored state has it. */
inline claim(set) {
  for (i : 0 .. INTENT_SLOTS - 1) {
    if
    :: (requests[i] & set) && (state[i] == unknown || state[i] == created) ->
       requests[i] = requests[i] & ~(set);
       if
       :: requests[i] == 0 && !proven[i] ->
          if /* what it had adopted on its count alone is strange again */
          :: state[i] == created && !proven[i] -> known = known & ~BIT(adopted[i])
          :: else
          fi;
          state[i] = collected;
          forget(i)
       :: else
       fi
    :: else
    fi
  };
  i = 0;
  done = done | set;
  pending = pending & ~(set);
  assigned = assigned & ~(set);
  submitted = submitted & ~(set);
  accounts()
}

/* The next page: newest first, down to the watermark, which ends the list. */
inline read_page() {
  j = 0;
  do
  :: page_end > watermark[looking] && j < PAGE ->
     page_end--;
     if
     :: visible[page_end] ->
        listed = listed | BIT(page_end);
        j++
     :: else
     fi
  :: else -> break
  od;
  j = 0;
  if
  :: page_end <= watermark[looking] -> page_end = 0
  :: else
  fi
}

inline forget_the_list() {
  looking = NOBODY;
  listed = 0;
  page_end = 0
}

/* Nothing of the process is left. */
inline lose_the_process() {
  hang_up();
  watermark_read = false;
  watermark_now = 0;
  forget_the_list();
  looked = 0;
  waits_for_news = 0;
  for (i : 0 .. INTENT_SLOTS - 1) {
    clean[i] = 0
  };
#if RESTORE > 0
  since_start = 0;
#endif
  guard_passed = false
}

/* What is found under way after a crash (T10, T11). */
inline conclude_what_was_begun() {
  for (i : 0 .. INTENT_SLOTS - 1) {
    if
    :: state[i] == uploading ->
#ifdef SABOTAGE_REUSE_NONCE
       skip
#else
       give_back(i, rejected)
#endif
    :: state[i] == committing ->
#ifdef SABOTAGE_FORGET_COMMITTING
       give_back(i, rejected)
#else
       mark_unknown(i)
#endif
    :: else
    fi
  };
  i = 0 /* a loop must not be the last of a d_step */
}

#if RESTORE > 0
inline put_back() {
  restored = true;
  for (i : 0 .. INTENT_SLOTS - 1) {
    state[i] = saved_state[i];
    requests[i] = saved_requests[i];
    watermark[i] = saved_watermark[i];
    excluded[i] = saved_excluded[i];
    adopted[i] = saved_adopted[i];
    proven[i] = saved_proven[i];
    saved_state[i] = none;
    saved_requests[i] = 0;
    saved_watermark[i] = 0;
    saved_excluded[i] = 0;
    saved_adopted[i] = 0;
    saved_proven[i] = false
  };
  known = saved_known;
  newest_known = saved_newest_known;
  pending = saved_pending;
  assigned = saved_assigned;
  submitted = saved_submitted;
  done = saved_done;
  saved_known = 0;
  saved_newest_known = 0;
  saved_pending = 0;
  saved_assigned = 0;
  saved_submitted = 0;
  saved_done = 0;
  lose_the_process();
  conclude_what_was_begun()
}
#endif

/* The batch of intent x comes into being. */
inline create(x, set, since) {
  assert((set & (may_run | paid)) == 0); /* C1 */
  may_run = may_run | set;
  nonce[batches] = x + 1;
  cargo[batches] = set;
  age[batches] = since;
  batches++
}

inline list_it(b) {
  visible[b] = true;
  age[b] = 0;
  news()
}

inline end_batch(b, end) {
  status[b] = end;
  if
  :: nonce[b] != 0 ->
     may_run = may_run & ~cargo[b];
     if
     :: end == succeeded -> paid = paid | cargo[b]
     :: else
     fi
  :: else
  fi;
  news()
}

active proctype Daemon() {
  do
  /* pack */
  :: d_step { /* Packer::send */
       !watermark_read && GATE_OPEN ->
T1:    watermark_now = 0;
       for (n : 0 .. BATCH_SLOTS - 1) {
         if
         :: visible[n] -> watermark_now = n + 1
         :: else
         fi
       };
       watermark_read = true
     }
  :: atomic { /* Queue::create_intent */
       watermark_read && GATE_OPEN ->
T2:    if
       :: PACKABLE(1) -> choice = 1
       :: PACKABLE(2) -> choice = 2
       :: PACKABLE(3) -> choice = 3
       :: PACKABLE(4) -> choice = 4
       :: PACKABLE(5) -> choice = 5
       :: PACKABLE(6) -> choice = 6
       :: PACKABLE(7) -> choice = 7
       fi;
       d_step {
         state[intents] = uploading;
         requests[intents] = choice;
         watermark[intents] = watermark_now;
         intents++;
         pending = pending & ~choice;
         assigned = assigned | choice;
         accounts();
         watermark_read = false;
         watermark_now = 0;
         choice = 0
       }
     }

  /* submit */
  :: d_step { /* Submitter::submit, Submitter::send */
       submitter == idle && ANY(UPLOADING) ->
T3:    current = 0;
       do
       :: UPLOADING(current) -> break
       :: else -> current++
       od;
       assert(!(posted & BIT(current))); /* C2 */
       posted = posted | BIT(current);
       for (j : 0 .. INTENT_SLOTS - 1) {
         assert(j == current || (requests[j] & requests[current]) == 0) /* C3 */
       };
       body = requests[current];
       wire = partial;
       submitter = streaming
     }
#ifdef SABOTAGE_LATE_COMMIT
  :: d_step {
       submitter == streaming && wire == partial ->
       wire = complete;
       submitter = committed
     }
  :: d_step {
       submitter == committed ->
       state[current] = committing;
       submitter = sent
     }
#else
  :: d_step { /* Submitter::Commit::commit */
       submitter == streaming ->
T4:    state[current] = committing;
       submitter = committed
     }
  :: d_step { /* Uploader::send_last_byte */
       submitter == committed ->
T5:    if
       :: wire == partial -> wire = complete
       :: else /* the answer came after the consent: the verdict does not trust it to be early */
       fi;
       submitter = sent
     }
#endif
  :: d_step { /* Submitter::record, IntentEnd::refused: not_sent, or answered early */
       submitter == streaming && (wire == answered || faults > 0) ->
T6:    if
       :: wire == answered
       :: else -> faults--
       fi;
       give_back(current, rejected);
       hang_up()
     }
  :: d_step { /* Submitter::record, IntentEnd::created */
       submitter == sent && wire == answered && answer == ok ->
T7:    if
       :: known & BIT(answer_batch) ->
          mark_unknown(current);
          excluded[current] = excluded[current] | BIT(answer_batch)
       :: else -> record_created(current, answer_batch, true)
       fi;
       hang_up()
     }
  :: d_step { /* Submitter::record, IntentEnd::refused */
       submitter == sent && wire == answered && answer == no ->
T8:    give_back(current, rejected);
       hang_up()
     }
  :: d_step { /* Submitter::record, IntentEnd::unknown */
       submitter == sent && ((wire == answered && answer == bad) || (wire == complete && faults > 0)) ->
T9:    if
       :: wire == complete -> faults--
       :: else
       fi;
#ifdef SABOTAGE_BAD_IS_NO
       if
       :: wire == answered -> give_back(current, rejected)
       :: else -> mark_unknown(current)
       fi;
#else
       mark_unknown(current);
#endif
       hang_up()
     }
  :: d_step { /* Queue::recover: nothing of the process is left, all of the database */
       faults > 0 && done != ALL ->
T10:   faults--;
       lose_the_process();
       conclude_what_was_begun()
     }
  :: d_step { /* Submitter::conclude_interrupted */
       faults > 0 && submitter != idle ->
T11:   faults--;
#ifdef SABOTAGE_INTERRUPTED_IS_NO
       if
       :: state[current] == committing ->
          n = current;
          hang_up();
          give_back(n, rejected)
       :: else -> hang_up()
       fi;
       n = 0;
#else
       hang_up();
#endif
       conclude_what_was_begun()
     }

  /* settle */
  :: d_step { /* Settler::look, list_down_to; what is due at the provider by now came first */
       looking == NOBODY && SETTLING && ANY(TO_LOOK_AT) && !ANY(OVERDUE_BODY) && !ANY_BATCH(OVERDUE_BATCH) ->
T12:   looking = 0;
       do
       :: TO_LOOK_AT(looking) -> break
       :: else -> looking++
       od;
       page_end = batches;
       read_page()
     }
  :: d_step { /* list_down_to: what became visible above it since then is not seen */
       looking != NOBODY && page_end > 0 ->
T12_next:
       read_page()
     }
#ifdef SABOTAGE_SHORT_LIST_COUNTS
  :: d_step { /* the provider ends the list here */
       looking != NOBODY && page_end > 0 && faults > 0 ->
       faults--;
       page_end = 0
     }
#endif
  :: d_step { /* Settler::look: no witness */
       looking != NOBODY && faults > 0 ->
T12_failed:
       faults--;
       listed = 0;
       page_end = 0;
#ifndef SABOTAGE_FAILED_LIST_COUNTS
       looked = looked | BIT(looking);
       looking = NOBODY
#endif
     }
  :: d_step { /* candidates, decide: what is known is read after the list */
#ifdef SABOTAGE_FIRST_PAGE_ONLY
       looking != NOBODY ->
#else
       looking != NOBODY && page_end == 0 ->
#endif
T13:   i = looking;
       hits = 0;
       found = NOBODY;
       ended = NOBODY;
       for (n : 0 .. BATCH_SLOTS - 1) {
         if
         :: (listed & ~(known | excluded[i]) & BIT(n)) && SIZE(cargo[n]) == SIZE(requests[i]) ->
            hits++;
            found = n;
            if
            :: status[n] != running -> ended = n
            :: else
            fi
         :: else
         fi
       };
       if
#if RESTORE > 0
       :: state[i] != unknown -> skip /* is_unknown: it was settled while the list was read */
       :: state[i] == unknown && hits == 1 ->
#else
       :: hits == 1 -> /* Settler::adopt */
#endif
#ifdef SABOTAGE_COUNT_IS_PROOF
          record_created(i, found, true)
#else
          record_created(i, found, false)
#endif
       :: UNKNOWN(i) && hits > 1 -> /* Settler::peek: one that has ended shows its nonce */
          clean[i] = 0;
          if
          :: ended == NOBODY ->
#ifdef SABOTAGE_EXCLUDE_RUNNING
             excluded[i] = excluded[i] | BIT(found);
             news()
#else
             waits_for_news = waits_for_news | BIT(i)
#endif
#ifdef SABOTAGE_FIRST_ENDED_IS_OURS
          :: ended != NOBODY -> record_created(i, ended, true)
#endif
          :: ended != NOBODY && nonce[ended] == i + 1 -> record_created(i, ended, true)
          :: else ->
             excluded[i] = excluded[i] | BIT(ended);
             news()
          fi
       :: else ->
          clean[i]++;
#ifndef SABOTAGE_ONE_MOMENT
          looked = looked | BIT(i);
#endif
          if
          :: clean[i] == CLEAN -> /* Queue::record_not_created */
#ifdef SABOTAGE_LOSE_REQUESTS
             state[i] = not_created;
             forget(i)
#else
#if FOREIGN > 0
             audited = audited | BIT(SIZE(requests[i]));
#endif
             give_back(i, not_created)
#endif
          :: else
          fi
       fi;
       forget_the_list()
     }
  :: d_step { /* Settler::run */
       looking == NOBODY && (ANY(LOOKED_AT) || WAITS_LONGER) && !ANY(TO_LOOK_AT) && !ANY(OVERDUE_BODY) &&
       !ANY_BATCH(OVERDUE_BATCH) ->
T14:   looked = 0;
#if RESTORE > 0
       if
       :: WAITS_LONGER -> since_start++
       :: else
       fi;
#endif
       for (i : 0 .. INTENT_SLOTS - 1) {
         if
         :: HELD(i) -> held_age[i]++
         :: else
         fi
       };
       for (n : 0 .. BATCH_SLOTS - 1) {
         if
         :: HIDDEN(n) -> age[n]++
         :: else
         fi
       };
       n = 0
     }

  /* results */
  :: atomic {
       ANY(COLLECTABLE) ->
T15:   CHOOSE(COLLECTABLE, choice);
       d_step {
         i = choice;
         n = adopted[i];
         submitted = submitted & ~requests[i];
         if
         :: nonce[n] != i + 1 -> /* Collector::disprove, Queue::disprove_batch */
            assert(!proven[i]); /* C7 */
#ifdef SABOTAGE_DISPROVED_IS_FREE
            pending = pending | requests[i];
            state[i] = not_created;
            requests[i] = 0;
#else
            assigned = assigned | requests[i];
            state[i] = unknown;
#endif
            excluded[i] = excluded[i] | BIT(n);
            known = known & ~BIT(n);
            adopted[i] = 0;
            if /* Queue::rebook_batch: it is the one's whose nonce it carries */
            :: nonce[n] != 0 && state[nonce[n] - 1] == unknown -> record_created(nonce[n] - 1, n, true)
            :: else
            fi;
            news()
         :: else -> /* Collector::finish */
            if
            :: status[n] == succeeded -> done = done | requests[i]
            :: else -> pending = pending | requests[i]
            fi;
            state[i] = collected;
            strange = strange & ~BIT(n);
            forget(i);
#if RESTORE == 0
            nonce[n] = 0;
            cargo[n] = 0
#endif
         fi;
         accounts();
         choice = 0
       }
     }

  /* guard */
  :: d_step { /* Guard::compare, strangers_of */
       !guard_passed ->
T16:   for (n : 0 .. BATCH_SLOTS - 1) {
         if
         :: visible[n] && n >= FLOOR && !(known & BIT(n)) ->
            hits = 0;
            for (i : 0 .. INTENT_SLOTS - 1) {
              if
              :: UNKNOWN(i) && SIZE(requests[i]) == SIZE(cargo[n]) -> hits++
              :: else
              fi
            };
#if RESTORE > 0
            if
            :: !restored -> skip
#ifdef SABOTAGE_COUNT_EXPLAINS
            :: restored && hits > 0 -> skip
            :: restored && hits == 0 -> strange = strange | BIT(n)
#else
            :: restored -> strange = strange | BIT(n)
#endif
            fi
#elif FOREIGN == 0 && !defined(ONLY_DOUBLES)
            assert(hits > 0) /* C6 */
#else
            skip
#endif
         :: else
         fi
       };
       guard_passed = true
     }

#if RESTORE > 0
  :: d_step { /* Guard::compare_after_restore */
       waits_for_list && guard_passed && RESTORE_DECIDED && !WAITS_LONGER ->
T22:   for (n : 0 .. BATCH_SLOTS - 1) {
         if
         :: visible[n] && n >= guard_floor && !(known & BIT(n)) -> strange = strange | BIT(n)
         :: else
         fi
       };
       if
       :: strange == 0 ->
          waits_for_list = false;
          since_start = 0;
          guard_floor = 0
       :: else
       fi
     }
  :: d_step {
       !saved ->
T17:   saved = true;
       for (i : 0 .. INTENT_SLOTS - 1) {
         saved_state[i] = state[i];
         saved_requests[i] = requests[i];
         saved_watermark[i] = watermark[i];
         saved_excluded[i] = excluded[i];
         saved_adopted[i] = adopted[i];
         saved_proven[i] = proven[i]
       };
       saved_known = known;
       saved_newest_known = newest_known;
       saved_pending = pending;
       saved_assigned = assigned;
       saved_submitted = submitted;
       saved_done = done
     }
  :: d_step {
       saved && !restored && wire == quiet && submitter == idle ->
#ifndef SABOTAGE_SENDS_AT_ONCE
T18:   waits_for_list = true;
       guard_floor = saved_newest_known;
#endif
       put_back()
     }
  :: d_step { /* nothing in claimed/ tells of it */
       saved && !restored && wire == quiet && submitter == idle && !ANY(HELD) && !ANY_BATCH(HIDDEN) ->
T18_untold:
       put_back()
     }
  :: atomic { /* Claimer: its results say by their nonces and fingerprints whose they are */
       ANY_BATCH(CLAIMABLE) ->
T21:   CHOOSE_BATCH(CLAIMABLE, choice);
       d_step {
         n = choice;
         strange = strange & ~BIT(n);
         if
         :: nonce[n] != 0 && state[nonce[n] - 1] == unknown -> record_created(nonce[n] - 1, n, true)
         :: else ->
            known = known | BIT(n);
            if
            :: status[n] == succeeded -> claim(cargo[n])
            :: else
            fi;
            news()
         fi;
         n = 0;
         choice = 0
       }
     }
#endif
#if FOREIGN > 0
  :: d_step { /* an operator cancels the job: C8 */
       ANY(CANCELABLE) ->
T19:   for (i : 0 .. INTENT_SLOTS - 1) {
         assert(!CANCELABLE(i) || nonce[adopted[i]] == i + 1)
       };
       i = 0
     }
  :: d_step { /* a batch of an audited count, which nothing unsettled explains: C8 */
       ANY_BATCH(AUDITED) ->
T20:   for (n : 0 .. BATCH_SLOTS - 1) {
#ifdef SABOTAGE_CANCEL_BY_COUNT
         assert(!AUDITED(n) || nonce[n] != 0)
#else
         skip /* it is reported, and waits for its results or for the operator */
#endif
       };
       n = 0
     }
#endif

  :: done == ALL -> break
  od;
  assert(paid == ALL && !ANY(UNSETTLED)) /* C5 */
}

active proctype Provider() {
end:
  do
  :: d_step { /* before the last byte: a 413, a 429, a proxy's 5xx, a reset */
       wire == partial && faults > 0 ->
P1:    faults--;
       wire = answered;
       answer = bad
     }
  :: d_step { /* the same, in the API's shape */
       wire == partial && faults > 0 ->
P2:    faults--;
       wire = answered;
       answer = no
     }
  :: d_step { /* created, and the answer arrives */
       wire == complete ->
P3:    answer_batch = batches;
       create(current, body, 0);
       wire = answered;
       answer = ok
     }
  :: d_step { /* created, and the answer is lost, cut off, unreadable, or a 5xx */
       wire == complete && faults > 0 ->
P4:    faults--;
       create(current, body, 0);
       wire = answered;
       answer = bad
     }
  :: d_step { /* not created, and the answer says so */
       wire == complete && faults > 0 ->
P5:    faults--;
       wire = answered;
       answer = no
     }
  :: d_step { /* not created, and nobody can tell: the byte was lost, a 5xx before the create */
       wire == complete && faults > 0 ->
P6:    faults--;
       wire = answered;
       answer = bad
     }
  :: atomic { /* a body whose client is gone: created late, or dropped */
       ANY(HELD) ->
P7:    CHOOSE(HELD, provider_choice);
       if
       :: d_step { true -> create(provider_choice, held_body[provider_choice], held_age[provider_choice]) }
       :: true
       fi;
       d_step {
         held_body[provider_choice] = 0;
         held_age[provider_choice] = 0;
         provider_choice = 0
       }
     }
  :: atomic { /* the list shows it */
       ANY_BATCH(HIDDEN) ->
P8:    CHOOSE_BATCH(HIDDEN, provider_choice);
       d_step {
         list_it(provider_choice);
         provider_choice = 0
       }
     }
  :: atomic { /* it ends */
       ANY_BATCH(RUNNING) ->
P9:    CHOOSE_BATCH(RUNNING, provider_choice);
       if
       :: d_step { true -> end_batch(provider_choice, succeeded) }
       :: d_step { faults > 0 -> faults--; end_batch(provider_choice, expired) }
       fi;
       provider_choice = 0
     }
#if FOREIGN > 0
  :: atomic { /* another tenant's create */
       foreign_batches > 0 ->
       if
       :: cargo[batches] = 1
       :: cargo[batches] = 3
       fi;
       d_step {
         foreign_batches--;
         batches++
       }
     }
#endif
  od
}
