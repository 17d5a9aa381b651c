# Writes each numbered migration as one raw string literal, in order: #include'd by lib/queue/migrations.cpp.
set(text "// Made from schema/*.sql; do not edit.\n")
foreach(file ${MIGRATIONS})
  file(READ "${file}" sql)
  get_filename_component(name "${file}" NAME)
  string(APPEND text "{\"${name}\", R\"sql(${sql})sql\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
