"""HTTP and the page: parse, one engine call, answer.

Here: routes, request guards, JSON documents, HTML views. Not here: what a run or a schedule means
(engine, domain), SQL (store), files of the folder (folder).
"""
