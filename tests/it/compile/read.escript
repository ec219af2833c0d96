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
    end.

print(Atom) when is_atom(Atom) -> print(atom_to_binary(Atom, utf8));
print(Text) -> io:format("~s~n", [base64:encode(unicode:characters_to_binary(Text))]).
