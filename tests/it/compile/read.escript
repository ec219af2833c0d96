%% Reads a file as Erlang or RabbitMQ's configuration parser does, and prints the texts in it, one a line, in Base64.

main(["conf", File]) ->
    [Cuttlefish | _] = filelib:wildcard("/usr/lib/rabbitmq/lib/*/plugins/cuttlefish-*/ebin"),
    true = code:add_pathz(Cuttlefish),
    Settings = conf_parse:file(File),
    true = is_list(Settings),
    [begin print(string:join(Key, ".")), print(Value) end || {Key, Value} <- Settings];
main(["list", File]) ->
    {ok, [List]} = file:consult(File),
    [print(Item) || Item <- List];
main(["term", App, File]) ->
    {ok, [Apps]} = file:consult(File),
    [print(Key) || {Key, _} <- proplists:get_value(list_to_atom(App), Apps)];
main(["term", App, Key, File]) ->
    {ok, [Apps]} = file:consult(File),
    case proplists:get_value(list_to_atom(Key), proplists:get_value(list_to_atom(App), Apps)) of
        List when is_list(List) -> [print(Item) || Item <- List];
        Item -> print(Item)
    end;
main(["agree", New, Old | Paths]) ->
    Plugins = "/usr/lib/rabbitmq/lib/*/plugins/",
    [true = code:add_pathz(Dir) || Dir <- filelib:wildcard(Plugins ++ "*/ebin")],
    Schema = {_, Mappings, _} = cuttlefish_schema:files(filelib:wildcard(Plugins ++ "*/priv/schema/*.schema")),
    Known = fun({Key, _}) ->
        lists:any(fun(M) -> cuttlefish_variable:is_fuzzy_match(Key, cuttlefish_mapping:variable(M)) end, Mappings)
    end,
    {Conf, Unknown} = lists:partition(Known, cuttlefish_conf:file(New)),
    [io:format("~s: this RabbitMQ has no such key~n", [string:join(Key, ".")]) || {Key, _} <- Unknown],
    Theirs = cuttlefish_generator:map(Schema, Conf),
    {ok, [Ours]} = file:consult(Old),
    [differ(Path, at(string:tokens(Path, "."), Ours), at(string:tokens(Path, "."), Theirs)) || Path <- lists:usort(Paths)].

at([], Term) -> Term;
at([Name | Rest], Terms) -> at(Rest, proplists:get_value(list_to_atom(Name), Terms, [])).

differ(_, Same, Same) -> ok;
differ(Path, Ours, Theirs) -> io:format("~s: 3.6 ~0p, newer ~0p~n", [Path, Ours, Theirs]).

print(Atom) when is_atom(Atom) -> print(atom_to_binary(Atom, utf8));
print(Text) -> io:format("~s~n", [base64:encode(unicode:characters_to_binary(Text))]).
