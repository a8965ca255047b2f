"""ComPDF's cloud API, both generations (docs/service.md, section "ComPDF")."""
